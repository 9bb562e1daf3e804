"""Aborts of running jobs in Redis: SAQ takes such a job out of every list, and trusts its worker to end it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._overview import text
from litestar_saq.brokers._sweeping import GRACE_S
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import mark_expected

if TYPE_CHECKING:
    from collections.abc import Callable

    from saq.job import Job as SaqJob

    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.jobs import Job

__all__ = ("Aborts",)

logger = logging.getLogger(__name__)

_MOST = 1000
"""How many are looked at in one sweep."""
_LOCK_S = 5


class Aborts:
    """Ends what is still to be aborted when its worker is gone.

    saq:Q:aborting  sorted set: the ids of jobs that were aborted while they ran, by when (s, Redis' clock)

    Args:
        queue: the queue.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._redis = cast("Any", queue.redis)
        self._noted = queue.namespace("aborting")

    async def note(self, job: SaqJob) -> None:
        """Note that a job is about to be aborted. What a caller holds of it may be old: who runs it is read."""
        await self._redis.eval(scripts.NOTE_ABORT, 1, self._noted, job.id)
        _, stored = await self._read(job.id)
        if stored is not None and stored.status is Status.ACTIVE:
            job.worker_id, job.attempts, job.started = stored.worker_id, stored.attempts, stored.started

    async def forget(self, job_id: bytes | str) -> None:
        """Forget a job that has come to its end."""
        await self._redis.zrem(self._noted, job_id)

    async def sweep(self) -> list[str]:
        """End those that a worker has had time for and that is gone; return their ids."""
        found = await self._redis.eval(
            scripts.LIST_ABORTS, 2, self._noted, self._queue.namespace("aborts"), int(GRACE_S), _MOST, _LOCK_S
        )
        if not found:
            return []
        living, _ = await self._queue.leases.workers()
        rows = [(found[i], int(found[i + 1])) for i in range(0, len(found), 2)]

        def may_be_ended(job: Job, age_s: float) -> bool:
            # One that lives may have been started anew with the same id, and know nothing of the job.
            return job.worker_id not in living or bool(job.timeout and age_s >= job.timeout + GRACE_S)

        ended = await self._queue.sweep_all(rows, lambda row: self._end(row[0], lambda job: may_be_ended(job, row[1])))
        return [text(job_id) for job_id, _ in ended]

    async def end_of(self, gone: frozenset[str]) -> None:
        """End the aborts of jobs that workers had which are known to be gone."""
        ids = await self._redis.zrange(self._noted, 0, -1)
        await self._queue.sweep_all(ids, lambda job_id: self._end(job_id, lambda job: job.worker_id in gone))

    async def _end(self, job_id: bytes | str, may_be_ended: Callable[[Job], bool]) -> bool:
        """End an abort, unless that was done or its worker is to do so; tell whether it was."""
        payload, job = await self._read(job_id)
        if job is None or job.status is not Status.ABORTING:
            if job is None or job.status is not Status.ACTIVE:  # else the abort is about to be written
                await self.forget(job_id)
            return False
        if payload is None or not may_be_ended(job):
            return False
        logger.info("Ending the abort of job %s", job.info())
        # Where somebody has written it since, that stays, and it is looked at again.
        mark_expected(job, payload)
        await self._queue.finish(job, Status.ABORTED, error=job.error)
        return True

    async def _read(self, job_id: bytes | str) -> tuple[bytes | None, Job | None]:
        payload = (await self._redis.mget([job_id]))[0]  # GET fails where there is something else than a job
        payload = payload.encode() if isinstance(payload, str) else payload
        try:
            return payload, self._queue.deserialize(payload)
        except UnreadableJobError:  # it is set aside where it is found
            return payload, None
