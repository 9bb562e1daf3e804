"""`make bench` with tiny numbers: ours and SAQ, each in its environment, at an embedded Valkey."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "benchmarks.comparison", "--quick", "--jobs", "200", "--rounds", "1")
pytestmark = pytest.mark.timeout(300)  # the first run makes an environment


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    }


@pytest.fixture
def page() -> Iterator[str]:
    """What is in the page, which a quick look leaves alone."""
    page = ROOT / "benchmarks" / "README.md"
    before = page.read_text()
    yield before
    assert page.read_text() == before


@pytest.mark.usefixtures("page")
def test_a_quick_look_measures_ours_and_saq(tmp_path: Path) -> None:
    raw = tmp_path / "raw.json"
    done = subprocess.run(
        [*COMMAND, "--limit", "30", "--steps", "enqueue,drain,naps,latency,round-trip", "--json", raw],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(raw.read_text())
    assert figures["failed"] == [], done.stdout
    assert set(figures["summary"]["drain-50"]) == {"ours", "saq"}
    assert set(figures["summary"]["drain-50-traced"]) == {"ours"}
    assert figures["summary"]["sleeps"]["sleeps"]["jobs_per_s"] < 5000
    assert all(one["jobs_per_s"] > 0 for one in figures["summary"]["drain-50"].values())
    assert figures["summary"]["latency-50"]["saq"]["p50_ms"] > 0
    assert figures["peers"]["saq"]["versions"]["saq"].startswith("0.26.")
    assert "| litestar-saq, this one, traced at 100 % " in done.stdout


def is_peer(child: psutil.Process) -> bool:
    try:
        return "benchmarks.peers" in " ".join(child.cmdline())
    except psutil.Error:  # it has ended since
        return False


@pytest.mark.usefixtures("page")
def test_ctrl_c_ends_all_of_it_and_writes_nothing(tmp_path: Path) -> None:
    raw = tmp_path / "raw.json"
    process = subprocess.Popen(
        [*COMMAND, "--json", raw],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    family = psutil.Process(process.pid)
    while not any(map(is_peer, family.children())):
        assert process.poll() is None
        time.sleep(0.1)
    children = family.children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "nothing is written" in said
    assert not raw.exists()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
