"""The measurements: each returns its figures, by name."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError

from benchmarks.comparison.processes import PeerError
from benchmarks.comparison.summary import percentile
from benchmarks.comparison.watching import Broker, look, pace, until
from benchmarks.peers.adapter import IN_BULK, WARM_UP, Task
from benchmarks.peers.board import read_latencies_s, read_marks_s
from benchmarks.scale.children import memory_bytes
from benchmarks.scale.server import read_server, used_between

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.comparison.plan import Step
    from benchmarks.comparison.processes import Peer, Workers

__all__ = ("measure",)

_QUEUE = "bench"
_POLL_S = 0.1
_START_S = 60.0
_SETTLE_S = 0.5
"""For what a worker has to say of its last jobs."""
_FIRST = 500
"""Jobs that come first in a drain and are not counted; of few jobs a fifth."""
_FAST_POLL_S = 0.01
_BULK_BYTES = 10_000_000


async def measure(broker: Broker, peer: Peer, step: Step, rate: float) -> dict[str, float]:
    """Do a step, with a Redis that is empty before and after.

    Args:
        broker: the one Redis.
        peer: who is measured.
        step: what is measured.
        rate: jobs/s that the peer drains, of which `latency` takes a part.
    """
    kinds = {"enqueue": _enqueue, "drain": _drain, "round_trip": _round_trip, "idle": _idle}
    try:
        if step.kind == "latency":
            return await _latency(broker, peer, step, rate)
        return await kinds[step.kind](broker, peer, step)
    finally:
        # A terminal's Ctrl-C reaches the embedded server, too.
        with contextlib.suppress(RedisConnectionError):
            await broker.client.flushdb()


async def _enqueue(broker: Broker, peer: Peer, step: Step) -> dict[str, float]:
    figures: dict[str, float] = {}
    for role, before in (("enqueue", ""), ("bulk", "bulk_")):
        if role == "bulk" and not peer.facts["bulk"]:
            continue
        first = await read_server(broker.client)
        took = await peer.ask(_task(broker, step, role, jobs=step.jobs))
        used = used_between(first, await read_server(broker.client))
        figures |= {
            f"{before}jobs_per_s": step.jobs / took["wall_s"],
            f"{before}cpu_us": took["cpu_s"] / step.jobs * 1e6,
            # The server saw those of the warm-up, too.
            f"{before}server_us": used.cpu_s / (step.jobs + min(WARM_UP, step.jobs)) * 1e6,
        }
        await broker.client.flushdb()
    return figures


async def _drain(broker: Broker, peer: Peer, step: Step) -> dict[str, float]:
    """Fill the queue, then let workers drain it, until it is empty or the time is over."""
    jobs = step.jobs + step.waiting
    figures: dict[str, float] = {}
    if step.waiting:
        await _fill(broker, peer, step, step.waiting)
    if step.group in {"waiting", "payload"}:
        took = await peer.ask(_task(broker, step, "enqueue", jobs=step.jobs))
        figures["enqueue_jobs_per_s"] = step.jobs / took["wall_s"]
        if step.waiting and peer.facts["tells"]:
            figures["info_ms"] = (await peer.ask(_task(broker, step, "info")))["each_s"] * 1e3
    else:
        await _fill(broker, peer, step, step.jobs)
    async with peer.working(_task(broker, step, "work"), step.workers) as workers:
        first = await until(broker, workers, min(_FIRST, jobs // 5), _START_S)
        last = await until(broker, workers, jobs, step.limit_s, least=min(first.begun, jobs - 1))
        marks = read_marks_s(workers.folder)
        await asyncio.sleep(_SETTLE_S)
        memory = memory_bytes(workers.pids[0])
    used = used_between(first.server, last.server)
    counted = last.begun - first.begun
    figures |= {"jobs_per_s": pace(marks, min(first.begun, jobs // 2)), "memory_mb": memory / 1e6, "counted": counted}
    if counted < jobs // 4:  # it was done before it could be looked at twice
        return figures
    return figures | {
        "cpu_us": (last.cpu_s - first.cpu_s) / counted * 1e6,
        "server_us": used.cpu_s / counted * 1e6,
        "commands": used.commands / counted,
    }


async def _fill(broker: Broker, peer: Peer, step: Step, jobs: int) -> None:
    """Enqueue jobs by the quickest way there is; a bulk is not larger than the jobs' size allows."""
    quick = peer.facts["bulk"] and step.payload * IN_BULK <= _BULK_BYTES
    await peer.ask(_task(broker, step, "bulk" if quick else "enqueue", jobs=jobs))


async def _latency(broker: Broker, peer: Peer, step: Step, rate: float) -> dict[str, float]:
    """Let jobs come at a part of the rate that the worker can do."""
    jobs = max(20, int(rate * step.load * step.pace_s))
    async with _warm(broker, peer, step) as workers:
        known = len(read_latencies_s(workers.folder))
        took = await peer.ask(_task(broker, step, "pace", jobs=jobs, rate=rate * step.load))
        deadline = time.monotonic() + step.limit_s
        while len(read_latencies_s(workers.folder)) < known + jobs and time.monotonic() < deadline:
            workers.check()
            await asyncio.sleep(_POLL_S)
        waits = sorted(read_latencies_s(workers.folder)[known:])
    if len(waits) < jobs * 0.9:
        raise PeerError(f"{len(waits)} of {jobs} jobs have begun at {step.load * 100:.0f} % of its rate")
    return {
        # Less than was asked for where the producer is the slower one.
        "rate": jobs / took["wall_s"],
        "p50_ms": percentile(waits, 0.5) * 1e3,
        "p99_ms": percentile(waits, 0.99) * 1e3,
    }


async def _round_trip(broker: Broker, peer: Peer, step: Step) -> dict[str, float]:
    poll_s = _FAST_POLL_S if step.polled else None
    async with _warm(broker, peer, step):
        trips_s = await peer.ask(
            _task(broker, step, "round_trip", jobs=step.jobs, limit_s=step.limit_s, poll_s=poll_s, results=True)
        )
    trips = sorted(trips_s["trips_s"])
    return {
        "p50_ms": percentile(trips, 0.5) * 1e3,
        "p99_ms": percentile(trips, 0.99) * 1e3,
        "trips": len(trips),
    }


async def _idle(broker: Broker, peer: Peer, step: Step) -> dict[str, float]:
    async with _warm(broker, peer, step) as workers:
        await asyncio.sleep(_SETTLE_S * 2)
        first = await look(broker, workers)
        await asyncio.sleep(step.limit_s)
        last = await look(broker, workers)
    used = used_between(first.server, last.server)
    return {
        "commands_per_s": used.commands / used.wall_s,
        "cpu_percent": (last.cpu_s - first.cpu_s) / used.wall_s * 100,
        "server_cpu_percent": used.cpu_s / used.wall_s * 100,
    }


def _task(broker: Broker, step: Step, role: str, **more: Any) -> Task:
    options = {"function": step.function, "payload": step.payload, "concurrency": step.concurrency}
    return Task(**{"role": role, "url": broker.url, "queue": _QUEUE, "traced": step.traced, **options, **more})


@asynccontextmanager
async def _warm(broker: Broker, peer: Peer, step: Step) -> AsyncIterator[Workers]:
    """Run a worker that has already done some jobs and keeps results."""
    async with peer.working(_task(broker, step, "work", results=step.kind == "round_trip")) as workers:
        await peer.ask(_task(broker, step, "enqueue", jobs=WARM_UP))
        await until(broker, workers, 2 * WARM_UP, _START_S)
        await asyncio.sleep(_SETTLE_S)
        yield workers
