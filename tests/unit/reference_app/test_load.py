from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from litestar_saq import Job
from reference_app.load.jobs import FlakyError, HopelessError, fail, fail_at_first, take_time

ROOT = Path(__file__).parents[3]


def start(tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "reference_app.load"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value"), [("LOAD_RATE", "fast"), ("LOAD_RATE", "0"), ("LOAD_API_URL", "api"), ("LOAD_ROWS", "-1")]
)
def test_a_wrong_setting_is_named_in_one_line(environment: None, tmp_path: Path, name: str, value: str) -> None:
    with start(tmp_path, **{name: value}) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith(f"The settings can't be used: {name} is {value!r}: ")
    assert said.count("\n") == 1


def test_it_sends_until_it_is_told_to_end(broker: str, tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"
    with start(tmp_path, REDIS_URL=broker, LOAD_RATE="200", LOAD_API_URL=nobody) as process:
        assert process.stdout
        said = ""
        while "what is sent does not arrive: ConnectError" not in said:
            said += (line := process.stdout.readline())
            assert line, said
        process.send_signal(signal.SIGTERM)
        said += process.stdout.read()
    assert process.returncode == 0
    assert "sent: {" in said
    assert "Traceback" not in said


async def test_what_its_jobs_do() -> None:
    def context(attempt: int) -> Any:
        return {"job": Job("f", attempts=attempt)}

    assert await take_time(context(1), seconds=0) == 0
    assert await fail_at_first(context(3), failures=2) == 3
    with pytest.raises(FlakyError):
        await fail_at_first(context(2), failures=2)
    with pytest.raises(HopelessError):
        await fail(context(1))
