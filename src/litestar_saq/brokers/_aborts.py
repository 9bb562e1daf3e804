"""Aborts of running jobs in Redis: SAQ takes such a job out of every list, and trusts its worker to end it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status
from saq.utils import now

from litestar_saq.brokers._overview import text
from litestar_saq.brokers._sweeping import GRACE_S
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import mark_expected

if TYPE_CHECKING:
    from saq.job import Job as SaqJob

    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("Aborts",)

logger = logging.getLogger(__name__)

_MOST = 100
"""How many are looked at in one sweep."""


class Aborts:
    """Ends what is still to be aborted when its worker is gone.

    saq:Q:aborting  sorted set: the ids of jobs that were aborted, by when (ms)

    Args:
        queue: the queue.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._noted = queue.namespace("aborting")

    async def note(self, job: SaqJob) -> None:
        """Note that a job is about to be aborted."""
        await cast("Any", self._queue.redis).zadd(self._noted, {job.id: now()})

    async def due(self) -> list[str]:
        """Return the ids of those whose workers have had their time."""
        redis = cast("Any", self._queue.redis)
        found = await redis.zrangebyscore(self._noted, 0, now() - int(GRACE_S * 1000), start=0, num=_MOST)
        return [text(job_id) for job_id in found]

    async def end(self, job_id: str, living: frozenset[str]) -> bool:
        """End an abort, unless it has been ended or its worker lives; tell whether it was."""
        redis = cast("Any", self._queue.redis)
        payload = await redis.get(job_id)
        try:
            job = self._queue.deserialize(payload)
        except UnreadableJobError:  # it is set aside where it is found
            job = None
        if job is None or job.status is not Status.ABORTING:
            await redis.zrem(self._noted, job_id)
            return False
        if job.worker_id in living:
            await redis.zadd(self._noted, {job_id: now()})
            return False
        logger.info("Ending the abort of job %s", job.info())
        # Where somebody has written it since, that stays, and it is looked at again.
        mark_expected(job, payload.encode() if isinstance(payload, str) else payload)
        await self._queue.finish(job, Status.ABORTED, error=job.error)
        return True
