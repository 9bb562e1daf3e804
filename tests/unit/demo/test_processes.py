from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from demo import processes
from demo.processes import ChildDiedError, Processes

if TYPE_CHECKING:
    from pathlib import Path

POLITE = "import signal, time; print('up', flush=True); signal.sigwait([signal.SIGTERM])"
DEAF = """
import signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
time.sleep(600)
"""


def _first_line(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and (text := path.read_text()).endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return text.strip()


async def test_children_end_by_sigterm(tmp_path: Path) -> None:
    started = Processes(tmp_path)
    for name in ("API", "worker reports"):
        script = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); {POLITE}"
        started.start(name, [sys.executable, "-c", script], env={})
    for name in ("API", "worker-reports"):
        assert _first_line(tmp_path / f"{name}.log") == "up"
    await started.end()
    assert [child.returncode for child in started._children] == [0, 0]


async def test_a_deaf_child_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_S", {signal.SIGTERM: 0.1, signal.SIGINT: 0.1, signal.SIGKILL: 60.0})
    started = Processes(tmp_path)
    started.start("deaf", [sys.executable, "-c", DEAF], env={})
    grandchild = psutil.Process(int(_first_line(tmp_path / "deaf.log")))
    await started.end()
    assert [child.returncode for child in started._children] == [-signal.SIGKILL]
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


async def test_a_dead_child_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    started = Processes(tmp_path)
    script = "print(*range(100), sep='\\n', flush=True); raise SystemExit('no broker answers')"
    started.start("worker reports", [sys.executable, "-c", script], env={})
    async with asyncio.timeout(60):
        with pytest.raises(ChildDiedError) as error:
            await started.watch()
    first, *lines = str(error.value).splitlines()
    assert first == "worker reports ended by itself (exit code 1); its last lines:"
    assert lines[-1] == "no broker answers"
    assert lines[0] == "76"
    await started.end()


async def test_a_child_that_a_signal_ended_says_which(tmp_path: Path) -> None:
    started = Processes(tmp_path)
    started.start("API", [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], env={})
    async with asyncio.timeout(60):
        with pytest.raises(
            ChildDiedError, match=r"API ended by itself \(signal 9\); its last lines:\n\(it wrote nothing"
        ):
            await started.watch()
