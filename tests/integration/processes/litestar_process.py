"""Real `litestar` processes, each in a session of its own so that none of its children is lost sight of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("LITESTAR", "SOURCE", "LitestarProcess")

LITESTAR = Path(sys.executable).with_name("litestar")
SOURCE = Path(__file__).parents[3] / "src"


class LitestarProcess:
    """A `litestar` command that runs, with everything that it started.

    Args:
        directory: where it runs.
        arguments: of the command.
        environment: on top of the test's own.
        number: tells the output of several in one directory apart.
    """

    def __init__(self, directory: Path, arguments: list[str], environment: Mapping[str, str], number: int) -> None:
        self._out = directory / f"stdout-{number}.txt"
        self._err = directory / f"stderr-{number}.txt"
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LITESTAR_", "OTEL_"))}
        search = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._popen = subprocess.Popen(
                [LITESTAR, *arguments],
                cwd=directory,
                env={**own, "PYTHONPATH": search, "COLUMNS": "200", **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self.signalled_at = 0.0

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace")  # the end may be half of a character

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="replace")

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    @property
    def code(self) -> int | None:
        return self._popen.poll()

    def signal(self, signum: signal.Signals) -> None:
        """Signal the parent alone."""
        self.signalled_at = time.monotonic()
        self._popen.send_signal(signum)

    def signal_all(self, signum: signal.Signals) -> None:
        """Signal the whole group, as Ctrl-C in a terminal does."""
        self.signalled_at = time.monotonic()
        os.killpg(self.pid, signum)

    def family(self) -> list[int]:
        """Return who is alive of the command and what it started."""
        return [pid for pid in psutil.pids() if self._is_ours(pid)]

    def children(self) -> list[int]:
        return [pid for pid in self.family() if pid != self.pid]

    def kill(self) -> None:
        """End all of it, whatever state it is in."""
        while pids := self.family():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._popen.poll()
        self._popen.wait()

    def _is_ours(self, pid: int) -> bool:
        if pid == self.pid:
            return self._popen.poll() is None
        try:
            return os.getsid(pid) == self.pid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, PermissionError, psutil.Error):
            return False
