"""What an adapter's process does: a task comes as JSON, figures go as JSON.

The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import asyncio
import gc
import json
import platform
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from benchmarks.peers.adapter import AT_ONCE, IN_BULK, NAP_S, WARM_UP, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from benchmarks.peers.adapter import Adapter

__all__ = ("main", "run")

_LONGEST_TRIP_S = 20.0
_APART_S = 0.005
"""Between round trips."""
_INFOS = 50
_TICK_S = 0.001
"""How often it is looked which jobs are due: who looks all the time has a core of his own, which the others lack."""


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, by uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - not in each environment
    except ImportError:
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)


def main(adapter: type[Adapter]) -> None:
    """Do what the task, the process' argument, says; print the figures."""
    task = Task(**json.loads(sys.argv[1]))
    if task.role == "work":
        adapter(task).work()
        return
    if task.role == "describe":
        figures = _describe(adapter)
    else:
        figures = run(_sleep(task) if task.role == "sleep" else _produce(adapter(task), task))
    print(json.dumps(figures))  # noqa: T201 - the answer


def _describe(peer: type[Adapter]) -> dict[str, Any]:
    return {
        "versions": {package: version(package) for package in peer.packages},
        "python": platform.python_version(),
        "settings": peer.settings,
        "results": peer.results,
        "bulk": peer.bulk,
        "polls": peer.polls,
        "tells": peer.tells,
    }


async def _sleep(task: Task) -> dict[str, float]:
    """Sleep as the jobs of `nap` do, as many at once, with no queue: nobody's jobs can be quicker on this machine."""
    each = max(1, task.jobs // task.concurrency)

    async def sleep() -> None:
        for _ in range(each):
            await asyncio.sleep(NAP_S)

    begin = time.perf_counter()
    await asyncio.gather(*(sleep() for _ in range(task.concurrency)))
    return {"jobs_per_s": each * task.concurrency / (time.perf_counter() - begin)}


async def _produce(peer: Adapter, task: Task) -> dict[str, Any]:
    await peer.open()
    gc.collect()
    gc.freeze()  # else the collector goes through all modules again and again, and holds up what is due
    try:
        return dict(await _ROLES[task.role](peer, task))
    finally:
        await peer.close()


async def _timed(enqueue: Callable[[int], Coroutine[Any, Any, None]], jobs: int) -> dict[str, float]:
    await enqueue(min(WARM_UP, jobs))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await enqueue(jobs)
    return {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}


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


async def _info(peer: Adapter, _task: Task) -> dict[str, float]:
    """Ask again and again what the queue holds."""
    await peer.info()
    begin = time.perf_counter()
    for _ in range(_INFOS):
        await peer.info()
    return {"each_s": (time.perf_counter() - begin) / _INFOS}


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
        await asyncio.sleep(max(_TICK_S, begin + sent / task.rate - time.perf_counter()))
    if sending:
        await asyncio.gather(*sending)
    return {"wall_s": time.perf_counter() - begin}


async def _round_trip(peer: Adapter, task: Task) -> dict[str, list[float]]:
    """Make one trip after the other, a moment apart, so that the worker is idle."""
    payload = "x" * task.payload
    await asyncio.wait_for(peer.round_trip(payload), _LONGEST_TRIP_S)
    trips: list[float] = []
    end = time.perf_counter() + task.limit_s
    while len(trips) < task.jobs and time.perf_counter() < end:
        await asyncio.sleep(_APART_S)
        begin = time.perf_counter()
        await asyncio.wait_for(peer.round_trip(payload), _LONGEST_TRIP_S)
        trips.append(time.perf_counter() - begin)
    return {"trips_s": trips}


_ROLES: dict[str, Callable[[Adapter, Task], Coroutine[Any, Any, Any]]] = {
    "enqueue": _enqueue,
    "bulk": _bulk,
    "info": _info,
    "pace": _pace,
    "round_trip": _round_trip,
}
