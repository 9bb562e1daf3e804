"""What jobs that do nothing cost the broker and their workers: waiting, run, finished, and when there are none."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.scale.children import cpu_s, memory_bytes, started
from benchmarks.scale.server import Used, read_server, used_between
from benchmarks.scale.worker_process import make_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

__all__ = ("BrokerLoad", "measure_broker_load")

ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = 100
_WARM_UP = 500
"""Jobs that come first and are not in the pace: processes start with them."""
_POLL_S = 0.1
_IDLE_S = 15.0
_SETTLE_S = 2.0
_LONGEST_S = 300.0


@dataclass(frozen=True, kw_only=True)
class BrokerLoad:
    """One round with so many worker processes."""

    workers: int
    jobs: int
    enqueue: Used
    """Of the server; its memory is that of the waiting jobs."""
    drain: Used
    """Of the server, the workers' start included."""
    idle: Used
    """Of the server, with the workers there and no jobs."""
    kept_bytes: int
    """What the server holds more at the end than at the begin: finished jobs, until their ttl is over."""
    connections: int
    """Of the workers, when they are idle."""
    jobs_per_s: float
    """All workers together."""
    worker_cpu_s: float
    """All workers together, their start left out."""
    counted_jobs: int
    """To which pace and CPU of the workers belong."""
    idle_cpu_s: float
    """Of the workers, without jobs."""
    worker_memory_bytes: int
    """Of one worker."""


async def measure_broker_load(
    redis: Redis, redis_url: str, queue: str, *, workers: int, jobs: int, tell: Callable[[str], None]
) -> BrokerLoad:
    """Measure a round.

    Args:
        redis: a client of the server.
        redis_url: the server's address.
        queue: the queue's name, that nobody else uses.
        workers: how many processes.
        jobs: how many jobs.
        tell: is told what goes on.
    """
    producer = make_plugin(redis_url, queue).get_queue(queue)
    await producer.connect()
    first = await read_server(redis)
    tell("enqueue")
    await _enqueue(producer, jobs)
    waiting = await read_server(redis)
    command = (sys.executable, "-m", "benchmarks.scale.worker_process", redis_url, queue)
    async with AsyncExitStack() as stack:
        tell("drain")
        children = [await stack.enter_async_context(_worker(command)) for _ in range(workers)]
        pids = [child.pid for child in children]
        pace = await _drained(producer, jobs, pids)
        drained = await read_server(redis)
        tell("idle workers")
        await asyncio.sleep(_SETTLE_S)
        idle_begin, cpu_begin = await read_server(redis), sum(map(cpu_s, pids))
        await asyncio.sleep(_IDLE_S)
        idle_end, cpu_end = await read_server(redis), sum(map(cpu_s, pids))
        memory = memory_bytes(pids[0])
    await producer.disconnect()
    await asyncio.sleep(_SETTLE_S)
    last = await read_server(redis)
    return BrokerLoad(
        workers=workers,
        jobs=jobs,
        enqueue=used_between(first, waiting),
        drain=used_between(waiting, drained),
        idle=used_between(idle_begin, idle_end),
        kept_bytes=last.memory_bytes - first.memory_bytes,
        connections=idle_end.connections - first.connections,
        idle_cpu_s=cpu_end - cpu_begin,
        worker_memory_bytes=memory,
        **pace,
    )


def _worker(command: tuple[str, ...]) -> Any:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return started(*command, env=environment, cwd=ROOT)


async def _enqueue(queue: Any, jobs: int) -> None:
    for begin in range(0, jobs, _AT_ONCE):
        await asyncio.gather(*(queue.enqueue("no_op", number=at) for at in range(begin, min(begin + _AT_ONCE, jobs))))


async def _drained(queue: Any, jobs: int, pids: list[int]) -> dict[str, Any]:
    """Wait until all jobs are done; return the workers' pace."""
    deadline = time.monotonic() + _LONGEST_S
    begun: tuple[int, float, float] | None = None
    while (left := await queue.count("incomplete")) or begun is None:
        if begun is None and left <= jobs - _WARM_UP:
            begun = left, time.monotonic(), sum(map(cpu_s, pids))
        if time.monotonic() > deadline:
            raise SystemExit(f"{left} of {jobs} jobs are not done after {_LONGEST_S:.0f} s")
        await asyncio.sleep(_POLL_S)
    counted, began_s, cpu_began_s = begun
    return {
        "counted_jobs": counted,
        "jobs_per_s": counted / (time.monotonic() - began_s),
        "worker_cpu_s": sum(map(cpu_s, pids)) - cpu_began_s,
    }
