"""What the adapters share: a task comes as JSON, figures go as JSON, the jobs do the same for all.

The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.peers.board import FOLDER, Board

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ("NAP_S", "NO_BULK", "Adapter", "Task", "begun", "main", "nap", "no_op", "run")

AT_ONCE = 100
"""How many jobs are enqueued at a time, one call each."""
IN_BULK = 1000
"""How many are enqueued by one call."""
WARM_UP = 200
"""Jobs that are enqueued first and not measured."""
NAP_S = 0.01
NO_BULK = "no call that enqueues many jobs"
_LONGEST_TRIP_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process does."""

    role: str
    """`describe`, `enqueue`, `bulk`, `pace`, `round_trip` or `work`."""
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
    synchronous: ClassVar[bool] = False
    """Whether `enqueue` blocks, so that there is nothing to gather."""
    lacks: ClassVar[dict[str, str]] = {}
    """Steps that it can't do, each with the reason."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    async def open(self) -> None:
        """Connect a producer."""

    async def close(self) -> None:
        """Disconnect it."""

    @abstractmethod
    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        """Enqueue a job."""

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        """Enqueue many jobs by one call, where there is one."""
        raise NotImplementedError(NO_BULK)

    @abstractmethod
    async def round_trip(self, payload: str) -> None:
        """Enqueue a job and wait for its result."""

    @abstractmethod
    def work(self) -> None:
        """Run a worker until the process ends."""


_board: Board | None = None


def begun(sent_ns: int) -> None:
    """Count a job that begins now."""
    global _board  # noqa: PLW0603 - one file a process, made by the first job
    if _board is None:
        _board = Board(os.environ[FOLDER])
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


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, by uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not in each environment
    except ImportError:
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)


def main(adapter: Callable[[Task], Adapter]) -> None:
    """Do what the task, the process' argument, says; print the figures."""
    task = Task(**json.loads(sys.argv[1]))
    peer = adapter(task)
    if task.role == "work":
        peer.work()
        return
    figures = _describe(peer) if task.role == "describe" else run(_produce(peer, task))
    print(json.dumps(figures))  # noqa: T201 - the answer


def _describe(peer: Adapter) -> dict[str, Any]:
    return {
        "versions": {package: version(package) for package in peer.packages},
        "python": platform.python_version(),
        "settings": peer.settings,
        "results": peer.results,
        "bulk": peer.bulk,
        "polls": peer.polls,
        "lacks": peer.lacks,
    }


async def _produce(peer: Adapter, task: Task) -> dict[str, Any]:
    await peer.open()
    try:
        return await _ROLES[task.role](peer, task)
    finally:
        await peer.close()


@dataclass(frozen=True, kw_only=True)
class _Took:
    wall_s: float
    cpu_s: float


async def _timed(enqueue: Callable[[int], Coroutine[Any, Any, None]], jobs: int) -> dict[str, float]:
    await enqueue(min(WARM_UP, jobs))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await enqueue(jobs)
    return asdict(_Took(wall_s=time.perf_counter() - wall_s, cpu_s=time.process_time() - cpu_s))


async def _enqueue(peer: Adapter, task: Task) -> dict[str, float]:
    payload = "x" * task.payload

    async def enqueue(jobs: int) -> None:
        if peer.synchronous:
            for _ in range(jobs):
                await peer.enqueue(task.function, payload, 0)
            return
        for begin in range(0, jobs, AT_ONCE):
            count = min(AT_ONCE, jobs - begin)
            await asyncio.gather(*(peer.enqueue(task.function, payload, 0) for _ in range(count)))

    return await _timed(enqueue, task.jobs)


async def _bulk(peer: Adapter, task: Task) -> dict[str, float]:
    payload = "x" * task.payload

    async def enqueue(jobs: int) -> None:
        for begin in range(0, jobs, IN_BULK):
            await peer.enqueue_bulk(task.function, payload, min(IN_BULK, jobs - begin))

    return await _timed(enqueue, task.jobs)


async def _pace(peer: Adapter, task: Task) -> dict[str, float]:
    """Enqueue at a rate, whatever the answers take: who falls behind sends what is due at once."""
    payload = "x" * task.payload
    await peer.enqueue(task.function, payload, 0)
    sending: set[asyncio.Task[Any]] = set()
    begin = time.perf_counter()
    sent = 0
    while sent < task.jobs:
        due = min(task.jobs, int((time.perf_counter() - begin) * task.rate) + 1)
        for _ in range(due - sent):
            enqueued = peer.enqueue(task.function, payload, time.monotonic_ns())
            if peer.synchronous:
                await enqueued
            else:
                one = asyncio.create_task(enqueued)
                sending.add(one)
                one.add_done_callback(sending.discard)
        sent = due
        await asyncio.sleep(max(0.0, begin + sent / task.rate - time.perf_counter()))
    if sending:
        await asyncio.gather(*sending)
    return {"wall_s": time.perf_counter() - begin}


async def _round_trip(peer: Adapter, task: Task) -> dict[str, list[float]]:
    """Make one trip after the other, a moment apart, so that the worker is idle."""
    payload = "x" * task.payload
    for _ in range(3):
        await asyncio.wait_for(peer.round_trip(payload), _LONGEST_TRIP_S)
    trips: list[float] = []
    end = time.perf_counter() + task.limit_s
    while len(trips) < task.jobs and time.perf_counter() < end:
        await asyncio.sleep(0.005)
        begin = time.perf_counter()
        await asyncio.wait_for(peer.round_trip(payload), _LONGEST_TRIP_S)
        trips.append(time.perf_counter() - begin)
    return {"trips_s": trips}


_ROLES: dict[str, Callable[[Adapter, Task], Coroutine[Any, Any, Any]]] = {
    "enqueue": _enqueue,
    "bulk": _bulk,
    "pace": _pace,
    "round_trip": _round_trip,
}
