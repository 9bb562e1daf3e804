"""Cancels the jobs of a worker that are to be aborted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from saq.job import Status
from saq.utils import cancel_tasks, millis

if TYPE_CHECKING:
    from saq.job import Job
    from saq.queue.base import Queue
    from saq.types import JobTaskContext

__all__ = ("abort_jobs",)

logger = logging.getLogger(__name__)


async def abort_jobs(queue: Queue, running: dict[Job, JobTaskContext], threshold_s: float) -> None:
    """Cancel those that run and are to be aborted, but for one that is over: its outcome counts.

    Args:
        queue: where that is written.
        running: the jobs that run.
        threshold_s: how long a job has to have been running.
    """
    contexts = {job: context for job, context in running.items() if not context["task"].done()}
    ready = [job for job in contexts if (job.duration("running") or 0) >= millis(threshold_s)]
    for stored in await queue.jobs(job.key for job in ready) if ready else ():
        if stored is None or stored.status not in {Status.ABORTING, Status.ABORTED}:
            continue
        context = contexts[stored]
        if not context["task"].done():
            logger.info("Aborting %s", stored.id)
            context["aborted"] = "abort" if stored.error is None else stored.error
            await cancel_tasks([context["task"]], None)
            await queue.finish_abort(stored)
