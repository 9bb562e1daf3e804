"""What becomes of jobs whose worker is late, or gone."""

from __future__ import annotations

import asyncio
import logging
from copy import copy
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from saq.job import Status
from saq.queue.base import Queue, logger

from litestar_saq._metadata import LOSSES, ON_LOSS, ON_LOSS_VALUES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from saq.job import Job as SaqJob

    from litestar_saq.jobs import Job

__all__ = ("GRACE_S", "Sweeping", "is_overdue")

_logger = logging.getLogger(__name__)
T = TypeVar("T")

GRACE_S = 30.0
"""How long a job may be fetched and not running before it counts as lost by its worker, an abort may take, and a worker
may take to end a job after its time, before others do."""
_SWEEPS_AT_ONCE = 100


def is_overdue(job: Job, age_s: float, living: frozenset[str]) -> bool:
    """Tell whether a job is stuck, or an abort of it was begun and not ended by a worker or a sweep that is gone.

    A worker that lives keeps its jobs' time-outs itself. Its clock may be another than ours, so the broker's counts.

    Args:
        job: the job, as it is stored.
        age_s: for how many seconds it has been so.
        living: the workers that have a lease.
    """
    if job.status is Status.ABORTING and age_s >= GRACE_S:
        return True
    if job.worker_id not in living:
        return job.stuck
    return bool((job.heartbeat and age_s >= job.heartbeat) or (job.timeout and age_s >= job.timeout + GRACE_S))


def losses_of(job: SaqJob) -> int:
    """Return how many workers have died while they had a job."""
    losses = (job.meta or {}).get(LOSSES, 0)
    return losses if isinstance(losses, int) else 0


class Sweeping(Queue):
    """Takes such jobs from their workers: runs them again, or gives them up."""

    on_worker_loss: Literal["retry", "abort"] = "retry"
    """What becomes of a job whose worker has died, unless the job's metadata says so."""
    most_losses = 3
    """How many workers may die while they have a job; then it is given up as one that kills them."""

    async def sweep_stuck(self, job: Job, abort_s: float) -> bool:
        """Take a stuck job from its worker, which gets some seconds to abort it, and run it again or give it up.

        SAQ goes by what it read before it swept the jobs ahead of this one, seconds ago perhaps: here the job is
        read anew, and what is alive, or has ended by itself, is left as it is. What somebody else wanted aborted is
        given up, and not run again.

        Returns:
            Whether it was swept.
        """
        stored = cast("Job | None", await self.job(job.key))
        if stored is None or not self._is_lost(stored, job):
            return False
        job.replace(stored)
        error = self.swept_error_message
        if job.status is Status.ABORTING and job.error:
            error = job.error
        logger.info("Sweeping job %s", job.info())
        if not await self._abort_swept(job, error):
            return False
        try:
            # What waits for an end waits on while something is told of the job, such as its beats.
            async with asyncio.timeout(abort_s or None):
                await job.refresh(abort_s)
        except (TimeoutError, RuntimeError) as raised:
            logger.info("Could not abort job %s: %s", job.id, type(raised).__name__)
        if job.status in {Status.COMPLETE, Status.FAILED} or not await self._claim_swept(job):
            return False
        if job.retryable and error == self.swept_error_message:
            await self.retry(job, error=error)
        else:
            await self.finish(job, Status.ABORTED, error=error)
        return True

    def count_loss(self, job: Job) -> Job:
        """Return a job whose worker has died, with that counted."""
        lost = copy(job)
        lost.meta = {**(job.meta or {}), LOSSES: losses_of(job) + 1}
        return lost

    async def settle_loss(self, job: Job) -> None:
        """Run a job again whose worker has died, or give it up. Its first loss costs no retry that it does not have."""
        losses = losses_of(job)
        logger.info("Recovering job %s", job.info())
        if job.status is Status.ABORTING:
            await self.finish(job, Status.ABORTED, error=job.error or self.swept_error_message)
        elif self.on_loss(job) == "abort":
            await self.finish(job, Status.ABORTED, error="its worker has died")
        elif losses >= self.most_losses:
            await self.finish(job, Status.FAILED, error=f"given up: {losses} workers have died while they had it")
        elif job.retryable or losses == 1:
            await self.retry(job, error=self.swept_error_message)
        else:
            await self.finish(job, Status.FAILED, error="its worker has died, and it has no retry left")

    def on_loss(self, job: SaqJob) -> str:
        """Return what becomes of a job whose worker has died: `retry` or `abort`."""
        asked = (job.meta or {}).get(ON_LOSS, self.on_worker_loss)
        if asked in ON_LOSS_VALUES:
            return str(asked)
        _logger.warning("Job %s asks for %s=%r: %s are accepted", job.key, ON_LOSS, asked, ON_LOSS_VALUES)
        return self.on_worker_loss

    async def sweep_all(self, found: Sequence[T], sweep: Callable[[T], Awaitable[bool]]) -> list[T]:
        """Sweep side by side, as each waits for its worker; return what was swept.

        Raises:
            Exception: the first error, once all are over.
        """
        limit = asyncio.Semaphore(_SWEEPS_AT_ONCE)

        async def sweep_one(one: T) -> bool:
            async with limit:
                return await sweep(one)

        outcomes = await asyncio.gather(*map(sweep_one, found), return_exceptions=True)
        if errors := [outcome for outcome in outcomes if isinstance(outcome, BaseException)]:
            raise errors[0]
        return [one for one, swept in zip(found, outcomes, strict=True) if swept]

    def _is_lost(self, stored: Job, listed: Job) -> bool:
        """Tell whether a job that was listed as lost still is: nobody has written it since."""
        return (stored.status, stored.attempts, stored.touched) == (listed.status, listed.attempts, listed.touched)

    async def _abort_swept(self, job: Job, error: str) -> bool:
        """Tell the worker of a stuck job to abort it; return false where somebody else has the job by now."""
        await self.abort(job, error=error)
        return True

    async def _claim_swept(self, job: Job) -> bool:
        """Take a job after its worker had its time; return false where somebody else has it."""
        del job
        return True
