"""What the adapters share: the task, what each of them can do, and the jobs, which do the same for all.

The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.peers.board import FOLDER, Board

__all__ = ("AT_ONCE", "IN_BULK", "NAP_S", "NO_BULK", "WARM_UP", "Adapter", "Task", "begun", "nap", "no_op")

AT_ONCE = 100
"""How many jobs are enqueued at a time, one call each."""
IN_BULK = 1000
"""How many are enqueued by one call."""
WARM_UP = 200
"""Jobs that are enqueued first and not measured."""
NAP_S = 0.01
NO_BULK = "no call that enqueues many jobs"
NO_INFO = "no call that tells what the queue holds"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process does."""

    role: str
    """`describe`, `enqueue`, `bulk`, `info`, `pace`, `round_trip`, `sleep` or `work`."""
    url: str = ""
    queue: str = ""
    function: str = "no_op"
    jobs: int = 0
    payload: int = 100
    """Bytes of a job's argument."""
    concurrency: int = 10
    rate: float = 0.0
    """Jobs a second that `pace` enqueues."""
    limit_s: float = 10.0
    """Of `round_trip`: no trip begins later."""
    poll_s: float | None = None
    """How often the peer asks for a result, where it asks; None is its own default."""
    results: bool = False
    """Whether results have to be kept, where the peer keeps none by default."""
    traced: bool = False


class Adapter(ABC):
    """One peer: how its users enqueue, wait and work."""

    packages: ClassVar[tuple[str, ...]]
    """Whose versions are told."""
    settings: ClassVar[str]
    """What is not as by default, and where it is documented."""
    results: ClassVar[str]
    """What is kept of results by default."""
    bulk: ClassVar[bool] = False
    polls: ClassVar[bool] = False
    """Whether waiting for a result is asking for it again and again."""
    tells: ClassVar[bool] = False
    """Whether a call tells what the queue holds."""
    synchronous: ClassVar[bool] = False
    """Whether `enqueue` blocks, so that there is nothing to gather."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    async def open(self) -> None:
        """Connect a producer."""

    async def close(self) -> None:  # noqa: B027 - most have nothing to do: the process ends
        """Disconnect it."""

    @abstractmethod
    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        """Enqueue a job."""

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        """Enqueue many jobs by one call, where there is one."""
        raise NotImplementedError(NO_BULK)

    async def info(self) -> None:
        """Ask what the queue holds, where there is a call."""
        raise NotImplementedError(NO_INFO)

    @abstractmethod
    async def round_trip(self, payload: str) -> None:
        """Enqueue a job and wait for its result."""

    @abstractmethod
    def work(self) -> None:
        """Run a worker until the process ends."""


_board: Board | None = None
_making = threading.Lock()


def begun(sent_ns: int) -> None:
    """Count a job that begins now."""
    global _board  # noqa: PLW0603 - one file a process, made by the first job
    if _board is None:
        with _making:
            # Threads begin their first jobs at once, and a file that is made anew is gone for who has mapped it.
            _board = _board or Board(os.environ[FOLDER])
    _board.begun(sent_ns)


async def no_op(payload: str, sent_ns: int) -> None:
    """Do nothing: what is left is the queue's own cost."""
    del payload
    begun(sent_ns)


async def nap(payload: str, sent_ns: int) -> None:
    """Wait as long as a quick query takes."""
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)
