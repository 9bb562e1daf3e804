"""The jobs of workers in Redis that are gone: back in the queue, whatever their time-outs."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._overview import text
from litestar_saq.brokers._redis_broker import RedisBroker
from litestar_saq.exceptions import UnreadableJobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from litestar_saq.brokers._leases import Leases
    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.jobs import Job

__all__ = ("LostJobs",)

logger = logging.getLogger(__name__)

_Found = tuple[str, bytes, "Job"]
"""The id of a job, what is stored of it, and the job."""
_LOOK = 0.3
"""One worker looks, and the others not again for this part of a lease's time."""


class LostJobs:
    """Finds them.

    Args:
        queue: the queue.
        leases: its workers' leases; a worker that never had one, as SAQ's own, is left alone.
    """

    def __init__(self, queue: RedisQueue, leases: Leases) -> None:
        self._queue, self._leases = queue, leases
        self._active = queue.namespace("active")

    async def takers(self, job_ids: Iterable[str]) -> dict[str, str]:
        """Return who took jobs that have no worker in what is stored of them."""
        ids = list(job_ids)
        found = await cast("Any", self._queue.redis).hmget(self._queue.namespace("taken"), ids) if ids else ()
        takers = zip(ids, map(_taker, found), strict=True)
        return {job_id: taker for job_id, taker in takers if taker is not None}

    async def recover(self, is_sure: Callable[[], bool]) -> list[str]:
        """Put them back, or give them up (`RedisQueue.recover`); return their ids."""
        redis = cast("Any", self._queue.redis)
        if not await redis.llen(self._active):
            return []
        look_ms = int(_LOOK * self._leases.lease_s * 1000)
        if not await redis.set(self._queue.namespace("recover"), 1, nx=True, px=look_ms):
            return []
        _, gone = await self._leases.workers()
        return await self.recover_from(gone) if gone and is_sure() else []

    async def recover_from(self, gone: frozenset[str]) -> list[str]:
        """Put back, or give up, the jobs of workers that are known to be gone; return their ids."""
        redis = cast("Any", self._queue.redis)
        ids = [text(job_id) for job_id in await redis.lrange(self._active, 0, -1)]
        payloads = await redis.mget(ids) if ids else ()
        takers = await self.takers(ids)
        found = [
            (job_id, payload, job)
            for job_id, payload in zip(ids, payloads, strict=True)
            if (job := self._read(payload)) is not None
            and (takers.get(job_id) if job.status is Status.QUEUED else job.worker_id) in gone
        ]
        at_hand = await self._at_hand(found, gone)
        # First, so that those behind are not taken for begun where this is cut off. Each goes to the front.
        for job_id, payload, job in reversed(found):
            if job_id in at_hand:
                logger.info("Putting back %s, which its worker had only at hand", job.key)
                await self._queue.unbegin(job, payload)
        recovered = await self._queue.sweep_all([one for one in found if one[0] not in at_hand], self._recover)
        await self._queue.aborts.end_of(gone)
        await self._leases.forget(gone)
        return [job_id for job_id, _, _ in recovered] + sorted(at_hand)

    async def _at_hand(self, found: Sequence[_Found], gone: frozenset[str]) -> set[str]:
        """Return those that, as it seems, were not begun: of a busy queue a worker has more jobs than slots.

        They are taken in the list's order. One that was begun after all is at the front of the queue then, and so is
        counted the next time; one that must not run again is never among them.
        """
        begun: dict[str, list[tuple[str, Job]]] = defaultdict(list)
        for job_id, _, job in found:
            if job.status is Status.ACTIVE and job.worker_id:
                begun[job.worker_id].append((job_id, job))
        slots = await self._leases.slots(gone)
        behind = [one for worker_id, ids in begun.items() for one in ids[slots.get(worker_id, len(ids)) :]]
        return {
            job_id
            for job_id, job in behind
            # As they are marked when they are taken; nothing was written of them since.
            if job.attempts == 1 and job.touched == job.started and self._queue.on_loss(job) == "retry"
        }

    def _read(self, payload: bytes | None) -> Job | None:
        try:
            return self._queue.deserialize(payload)
        except UnreadableJobError:  # the sweep deals with it; the others must come through
            return None

    async def _recover(self, found: _Found) -> bool:
        _, payload, job = found
        if job.status is Status.QUEUED:
            return await RedisBroker().put_back(self._queue, job)
        if job.status not in {Status.ACTIVE, Status.ABORTING}:
            return False
        lost = self._queue.count_loss(job)
        redis = cast("Any", self._queue.redis)
        if not await redis.eval(scripts.REPLACE_SAME, 1, job.id, payload, self._queue.serialize(lost)):
            return False  # whoever has written it lives, or has dealt with it
        await self._queue.settle_loss(lost)
        return True


def _taker(stored: bytes | str | None) -> str | None:
    """Return a worker's id; None where there is none, or something else."""
    try:
        taker = json.loads(stored) if stored else None
    except ValueError:
        return None
    return taker if isinstance(taker, str) else None
