"""Cancels the jobs of a worker that are to be aborted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from saq.job import Status
from saq.types import JobTaskContext
from saq.utils import millis

if TYPE_CHECKING:
    from saq.job import Job
    from saq.queue.base import Queue

__all__ = ("RunContext", "abort_jobs")

logger = logging.getLogger(__name__)


class RunContext(JobTaskContext, total=False):
    """SAQ's context of a job that runs."""

    written: asyncio.Future[None]
    """Done once the outcome is written, where somebody waits for that."""


async def abort_jobs(queue: Queue, running: dict[Job, JobTaskContext], threshold_s: float) -> None:
    """Cancel those that run and are to be aborted, but for one that is over: its outcome counts.

    Each run writes its end by itself, and once: a second time might hit what somebody has made of the job since.

    Args:
        queue: the jobs' queue.
        running: the jobs that run.
        threshold_s: how long a job has to have been running.
    """
    contexts = {job: context for job, context in running.items() if not context["task"].done()}
    ready = [job for job in contexts if (job.duration("running") or 0) >= millis(threshold_s)]
    written: list[asyncio.Future[None]] = []
    for stored in await queue.jobs(job.key for job in ready) if ready else ():
        if stored is None or stored.status not in {Status.ABORTING, Status.ABORTED}:
            continue
        context = cast("RunContext", contexts[stored])
        if not context["task"].done():
            logger.info("Aborting %s", stored.id)
            context["aborted"] = "abort" if stored.error is None else stored.error
            context["task"].cancel()
            written.append(context.setdefault("written", asyncio.get_running_loop().create_future()))
    for one in written:
        await asyncio.shield(one)
