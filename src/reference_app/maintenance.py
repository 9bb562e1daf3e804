"""What is done again and again, whatever is uploaded: cron jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from saq.job import Status

from reference_app.failures import fail_report, has_failed
from reference_app.steps import Step, analysis_step, assembly_step, enqueue_step, split_step
from reference_app.store import store_of
from reference_app.tasks import queues_of

if TYPE_CHECKING:
    from saq.types import Context

    from litestar_saq import Job, TaskQueues
    from reference_app.reports import Report
    from reference_app.store import Store

__all__ = ("expire_reports", "recover_reports")

logger = logging.getLogger(__name__)

_SETTLED_S = 10
"""A younger report may be one whose first job is about to be enqueued."""


async def expire_reports(ctx: Context) -> None:
    """Delete the reports whose time is over."""
    store = store_of(queues_of(ctx))
    expired = await store.list_expired()
    for report_id in expired:
        await store.delete(report_id)
    if expired:
        logger.info("expired %d reports", len(expired))


async def recover_reports(ctx: Context) -> None:
    """See to the reports that wait for a job that will not come.

    A job that was aborted while it was queued, or given up because its worker did not answer, has nobody who says so:
    its report is marked as failed. A job that is not there, because whoever was to enqueue it died or the broker lost
    it, is enqueued again.
    """
    queues = queues_of(ctx)
    store = store_of(queues)
    for report_id in await store.list_open(older_than_s=_SETTLED_S):
        report = await store.get(report_id, columns=False)
        if report is None:
            await store.delete(report_id)
        elif report.ended:
            await store.drop_source(report_id)
        else:
            await _recover(queues, store, report)


async def _recover(queues: TaskQueues, store: Store, report: Report) -> None:
    lost: set[str] = set()
    for step in await _next_steps(store, report):
        job = cast("Job | None", await queues.get(step.queue).job(step.key))
        if job is None or job.status is Status.COMPLETE:
            lost.add(step.key)
        elif has_failed(job):
            await fail_report(store, job)
            return
    if not lost:
        return
    # What has ended meanwhile is no next step any more.
    for step in await _next_steps(store, await store.get(report.id, columns=False)):
        if step.key in lost:
            logger.warning("report %s waits for job %s, which is not there: enqueuing it again", report.id, step.key)
            await enqueue_step(queues, step)


async def _next_steps(store: Store, report: Report | None) -> list[Step]:
    if report is None or report.ended:
        return []
    if not report.split:
        return [split_step(report.id)]
    analysed = await store.analysed(report.id)
    missing = [analysis_step(report.id, index) for index in range(len(report.names)) if index not in analysed]
    return missing or [assembly_step(report.id)]
