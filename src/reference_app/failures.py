"""How a report is seen as failed when one of its jobs ended without success."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status

from reference_app.steps import TIMEOUT_S
from reference_app.store import store_of
from reference_app.tasks import SourceLostError, queues_of

if TYPE_CHECKING:
    from saq.types import Context

    from litestar_saq import Job
    from reference_app.store import Store

__all__ = ("fail_report", "fail_report_of_job", "has_failed")

logger = logging.getLogger(__name__)

_WORK = {
    "split_report": "The file could not be split into columns",
    "assemble_report": "The report could not be assembled",
}


async def fail_report_of_job(ctx: Context) -> None:
    """Mark the job's report as failed where this was the job's end without success.

    A hook after each job, in its worker.
    """
    context = cast("dict[str, Any]", ctx)
    job: Job = context["job"]
    if "report_id" in (job.kwargs or {}) and has_failed(job):
        await fail_report(store_of(queues_of(ctx)), job, context.get("exception"))


def has_failed(job: Job) -> bool:
    """Return whether a job has ended, and without success."""
    return job.status in {Status.FAILED, Status.ABORTED}


async def fail_report(store: Store, job: Job, error: object = None) -> None:
    """Mark a job's report as failed, with a sentence that says why.

    Args:
        store: where the report is.
        job: the job, which has ended.
        error: what its function raised last, where that is known.
    """
    arguments = job.kwargs or {}
    report_id = arguments["report_id"]
    work = _WORK.get(job.function)
    if work is None:
        index = arguments["index"]
        report = await store.get(report_id, columns=False)
        name = f" ({report.names[index]!r})" if report else ""
        work = f"Column {index + 1}{name} could not be analysed"
    logger.warning("report %s failed: job %s ended as %s", report_id, job.key, job.status.value)
    await store.fail(report_id, f"{work}: {_reason(job, error)}.")


def _reason(job: Job, error: object) -> str:
    if job.status is Status.ABORTED:
        return "its worker did not answer any more" if job.error == "swept" else "the job was aborted"
    if isinstance(error, SourceLostError):
        return "the uploaded data is not in the store any more"
    if isinstance(error, TimeoutError):
        return f"it took longer than {TIMEOUT_S} seconds"
    times = "once" if job.attempts == 1 else f"{job.attempts} times"
    kind = f", at last with {type(error).__name__}" if error else ""
    return f"the job failed {times}{kind}"
