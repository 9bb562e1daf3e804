"""One run of an application by a test: its folder, queues, processes and what they told."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from saq import Job, Queue, Status
from saq.queue.redis import RedisQueue

from tests.integration.processes.litestar_process import LitestarProcess

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ("APPS", "ARGUMENT", "Run")

APPS = Path(__file__).with_name("apps")
ARGUMENT = "an argument that nobody may see"
"""Every job's argument; no output may hold it."""
_WAIT_S = 60.0


class Run:
    """A folder with the applications, and the processes that a test starts in it.

    Args:
        directory: the folder.
        dsn: the broker's, with a password where the server allows it.
    """

    def __init__(self, directory: Path, dsn: str) -> None:
        self.name = uuid.uuid4().hex[:10]
        self.directory = directory
        self.dsn = dsn
        self.processes: list[LitestarProcess] = []
        self._queues: dict[str, Queue] = {}
        shutil.copytree(APPS, directory, ignore=shutil.ignore_patterns("__pycache__"))

    def start(self, *arguments: str, **environment: object) -> LitestarProcess:
        """Start `litestar` with these arguments and, on top of the run's own, environment."""
        variables = {name: str(value) for name, value in environment.items()}
        process = LitestarProcess(
            self.directory, list(arguments), {"RUN": self.name, "DSN": self.dsn, **variables}, len(self.processes)
        )
        self.processes.append(process)
        return process

    def workers(self, *arguments: str, app: str = "jobs_app:app", **environment: object) -> LitestarProcess:
        """Start `litestar workers run`."""
        return self.start("--app", app, "workers", "run", *arguments, **environment)

    def queue_name(self, letter: str) -> str:
        return f"{letter}-{self.name}"

    async def queue(self, letter: str = "a") -> Queue:
        """Return a stock SAQ queue, connected."""
        if letter not in self._queues:
            # The client's own 5 s are no longer than a machine may stall.
            redis = Redis.from_url(self.dsn, socket_timeout=_WAIT_S, socket_connect_timeout=_WAIT_S)
            self._queues[letter] = RedisQueue(redis, name=self.queue_name(letter))
            await self._queues[letter].connect()
        return self._queues[letter]

    async def enqueue(self, function: str, letter: str = "a", **fields: Any) -> Job:
        """Enqueue a job whose argument is a secret."""
        kwargs = {"secret": ARGUMENT, **fields.pop("kwargs", {})}
        job = await (await self.queue(letter)).enqueue(Job(function, kwargs=kwargs, **{"timeout": 300, **fields}))
        assert job is not None
        return job

    async def ended(self, job: Job) -> Job:
        """Wait until a job has come to an end, and return it as it is stored."""
        stored: list[Job] = []

        async def is_over() -> bool:
            found = await job.get_queue().job(job.key)
            stored[:] = [found] if found else []
            return found is not None and found.status in {Status.COMPLETE, Status.FAILED, Status.ABORTED}

        await self.until(is_over, f"the end of job {job.function}")
        return stored[0]

    async def workers_live(self, number: int, *letters: str) -> None:
        """Wait until each of these queues has so many workers."""
        for letter in letters:
            queue = await self.queue(letter)

            async def there(queue: Queue = queue) -> bool:
                return len((await queue.info())["workers"]) == number

            await self.until(there, f"{number} workers of queue {letter}")

    def release(self) -> None:
        """Let the jobs that are held go on."""
        (self.directory / "release").touch()

    def events(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Return what was told, in order."""
        path = self.directory / "events.jsonl"
        whole, _, _ = path.read_text().rpartition("\n") if path.exists() else ("", "", "")
        told = [json.loads(line) for line in whole.splitlines()]
        return [one for one in told if one["event"] == event and fields.items() <= one.items()]

    async def told(self, event: str, *, times: int = 1, **fields: object) -> list[dict[str, Any]]:
        """Wait until an event was told so many times."""
        await self.until(lambda: len(self.events(event, **fields)) >= times, f"{times} times {event} {fields or ''}")
        return self.events(event, **fields)

    async def says(self, process: LitestarProcess, text: str, *, times: int = 1) -> None:
        """Wait until a process' output holds a text."""
        await self.until(lambda: process.output.count(text) >= times, f"{text!r} in the output")

    async def exit(self, process: LitestarProcess) -> int:
        """Wait until a command and all that it started are gone; return its exit code."""
        await self.until(lambda: process.code is not None, "the end of the command")
        await self.until(lambda: not process.family(), "the end of what the command started")
        assert process.code is not None
        return process.code

    async def until(self, condition: Callable[[], bool | Awaitable[bool]], what: str) -> None:
        """Wait for a condition; say what the processes said where it does not come."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            assert time.monotonic() < deadline, f"{what}: not within {_WAIT_S:.0f} s\n{self.report()}"
            await asyncio.sleep(0.02)

    def report(self) -> str:
        """Return what the processes printed."""
        parts = []
        for number, process in enumerate(self.processes):
            parts.append(f"--- {number}: code {process.code}, alive {process.family()}\n{process.output}")
        return "\n".join(parts)

    async def close(self) -> None:
        """End every process and forget the queues."""
        for process in self.processes:
            process.kill()
        for queue in self._queues.values():
            await queue.disconnect()

    def check_secrets(self, *secrets: str) -> None:
        """Make sure that no process has shown a secret."""
        for process in self.processes:
            for secret in (ARGUMENT, self.dsn, *secrets):
                assert secret not in process.output, f"{secret!r} is in the output:\n{process.output}"
