"""The three sides, stock SAQ, stock Litestar SAQ 0.8.0 and ours, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Client", "Field", "Kind", "Process")

Kind = Literal["saq", "v08", "ours"]
SIDES = Path(__file__).with_name("sides")
_SOURCE = Path(__file__).parents[3] / "src"
_WAIT_S = 90.0


class Process:
    """A process of a side, with all that it starts.

    Args:
        arguments: of Python.
        environment: its variables.
        log: where its output goes.
        talks: whether standard input and output are for the test.
    """

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path, *, talks: bool = False) -> None:
        self.log = log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                arguments,
                env=environment,
                cwd=log.parent,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else out,
                stderr=out,
                text=True,
                start_new_session=True,
            )

    @property
    def code(self) -> int | None:
        return self._popen.poll()

    def stop(self) -> int:
        """End it as an operator does; return its exit code."""
        self._popen.terminate()
        return self._popen.wait(_WAIT_S)

    def kill(self) -> None:
        """End it and what it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            if stream:
                with suppress(BrokenPipeError):
                    stream.close()

    def ask(self, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a line of JSON where one is given, and return the line that comes back."""
        assert self._popen.stdin
        assert self._popen.stdout
        if asked is not None:
            self._popen.stdin.write(json.dumps(asked) + "\n")
            self._popen.stdin.flush()
        line = self._popen.stdout.readline()
        assert line, f"the process ended\n{self.log.read_text()}"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Client:
    """Does with a queue what a test asks for, by one side's code."""

    def __init__(self, process: Process) -> None:
        self._process = process
        assert process.ask() == {"result": "ready"}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**fields: Any) -> Any:
            answer = self._process.ask({"do": name, **fields})
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["result"]

        return call


@dataclass
class Field:
    """A queue of a test's own, and the processes of each side around it.

    Args:
        folder: for logs and what the jobs tell.
        dsn: the broker's.
        stock: the environment with the stock packages.
    """

    folder: Path
    dsn: str
    stock: Path
    queue: str = field(default_factory=lambda: f"compat-{uuid.uuid4().hex[:10]}")
    _processes: list[Process] = field(default_factory=list)

    def client(self, kind: Kind, **environment: str) -> Client:
        """Start a client."""
        code = "saq" if kind == "saq" else "plugin"
        return Client(self._start(kind, str(SIDES / "client.py"), code, talks=True, **environment))

    def worker(self, kind: Kind, **environment: str) -> Process:
        """Start a worker by its side's own command."""
        if kind == "saq":
            return self._start(kind, "-m", "saq", "saq_worker.settings", "-v", **environment)
        return self._start(kind, "-m", "litestar", "--app", "plugin_app:app", "workers", "run", **environment)

    def page(self, kind: Kind, port: int) -> Process:
        """Start a server of a side's page, without a worker."""
        if kind == "saq":
            return self._start(kind, str(SIDES / "saq_web.py"), PORT=str(port))
        return self._start(kind, "-m", "litestar", "--app", "plugin_app:app", "run", "--port", str(port))

    def hold_off_sweeps(self) -> None:
        """Keep a stock worker from the sweep at its start: it ends what is fetched and not yet begun, too."""
        if self.dsn.startswith("redis"):
            with Redis.from_url(self.dsn) as redis:
                redis.set(f"saq:{self.queue}:sweep", 1, ex=600)

    def release(self, key: str) -> None:
        """Let a job go on."""
        (self.folder / f"{key}.release").touch()

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return what the jobs told under a name."""
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def until(self, check: Callable[[], Any], what: str) -> Any:
        """Wait until a check returns something, and return it."""
        deadline = time.monotonic() + _WAIT_S
        while not (found := check()):
            assert time.monotonic() < deadline, f"{what}: not within {_WAIT_S:.0f} s\n{self.logs()}"
            time.sleep(0.05)
        return found

    def status(self, client: Client, key: str, *wanted: str) -> dict[str, Any]:
        """Wait until a job has one of these states, and return it."""

        def check() -> dict[str, Any] | None:
            job: dict[str, Any] | None = client.job(key=key)
            return job if job and job["status"] in wanted else None

        found: dict[str, Any] = self.until(check, f"job {key} {' or '.join(wanted)}")
        return found

    def logs(self) -> str:
        """Return what all processes printed."""
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End every process."""
        for process in self._processes:
            process.kill()

    def _start(self, kind: Kind, *arguments: str, talks: bool = False, **environment: str) -> Process:
        python = sys.executable if kind == "ours" else str(self.stock / "bin" / "python")
        paths = [SIDES, _SOURCE] if kind == "ours" else [SIDES]
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LITESTAR_", "OTEL_"))}
        variables = {
            **own,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DSN": self.dsn,
            "QUEUE": self.queue,
            "FOLDER": str(self.folder),
            "SIDE": kind,
            **environment,
        }
        log = self.folder / f"{len(self._processes)}-{kind}.log"
        self._processes.append(Process([python, *arguments], variables, log, talks=talks))
        return self._processes[-1]
