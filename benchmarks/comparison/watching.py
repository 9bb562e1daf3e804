"""Workers at work: how many jobs have begun, what they and the broker have used by then, how quick they are."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.processes import PeerError
from benchmarks.peers.board import MARK_EVERY, read_counts
from benchmarks.scale.children import cpu_s
from benchmarks.scale.server import ServerState, read_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from benchmarks.comparison.processes import Workers

__all__ = ("Broker", "Moment", "begun_by", "look", "pace", "until")

_POLL_S = 0.02


@dataclass(frozen=True)
class Broker:
    """The one Redis."""

    client: Redis
    url: str


@dataclass(frozen=True)
class Moment:
    """What was used until then."""

    begun: int
    cpu_s: float
    server: ServerState


async def until(broker: Broker, workers: Workers, jobs: int, limit_s: float, least: int = 0) -> Moment:
    """Wait as `begun_by` does; return what was used until then."""
    await begun_by(workers, jobs, limit_s, least)
    return await look(broker, workers)


async def begun_by(workers: Workers, jobs: int, limit_s: float, least: int = 0) -> None:
    """Wait until so many jobs have begun, or the time is over.

    Raises:
        PeerError: where not more than `least` have begun by then, or a worker has ended.
    """
    deadline = time.monotonic() + limit_s
    while (begun := read_counts(workers.folder)) < jobs and time.monotonic() < deadline:
        workers.check()
        await asyncio.sleep(_POLL_S)
    if begun <= least:
        raise PeerError(f"{begun} of {jobs} jobs have begun after {limit_s:.0f} s: {workers.told()}")


async def look(broker: Broker, workers: Workers) -> Moment:
    """Return what was used until now."""
    used_s = sum(map(cpu_s, workers.pids))
    return Moment(read_counts(workers.folder), used_s, await read_server(broker.client))


def pace(marks_s: Sequence[float], first: int) -> float:
    """Return the jobs/s between the marks of the jobs after the first so many."""
    counted = marks_s[max(0, first // MARK_EVERY - 1) :]
    if len(counted) < 2:  # noqa: PLR2004 - a begin and an end
        raise PeerError(f"{len(counted)} times are too few to tell a pace")
    return (len(counted) - 1) * MARK_EVERY / (counted[-1] - counted[0])
