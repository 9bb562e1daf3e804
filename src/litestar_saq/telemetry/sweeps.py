"""A sweep: a span where it swept something, linked to what it swept."""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanKind

from litestar_saq.telemetry import carrier, semconv
from litestar_saq.telemetry._state import harmless, in_upkeep, swept_jobs
from litestar_saq.telemetry.queue_telemetry import fail
from litestar_saq.telemetry.suppression import suppressed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saq.job import Job

    from litestar_saq.telemetry.queue_telemetry import QueueTelemetry

__all__ = ("as_found", "sweep")


def as_found(job: Job) -> Job:
    """Return a job as the sweep has found it, before it is written anew."""
    return copy(job)


async def sweep(telemetry: QueueTelemetry, plain: Any, *args: Any, **kwargs: Any) -> Any:
    """Sweep, quietly; afterwards there is a span if there was something to be swept, or an error."""
    if telemetry.broker_name == "http":  # the proxy's own queue tells of it
        return await plain(*args, **kwargs)
    began_ns = time.time_ns()
    jobs: list[Job] = []
    swept: Sequence[Any] = ()
    error: Exception | None = None
    marks = swept_jobs.set(jobs), in_upkeep.set(True)
    try:
        with suppressed(Context()):
            swept = await plain(*args, **kwargs)
    except Exception as raised:
        error = raised
        raise
    else:
        return swept
    finally:
        swept_jobs.reset(marks[0])
        in_upkeep.reset(marks[1])
        if swept or jobs or error:
            _tell(telemetry, jobs, len(swept), began_ns, error)


@harmless
def _tell(telemetry: QueueTelemetry, jobs: list[Job], count: int, began_ns: int, error: Exception | None) -> None:
    span = telemetry.owner.tracer.start_span(
        telemetry.name("sweep"),
        context=Context(),
        kind=SpanKind.INTERNAL,
        attributes={**telemetry.spanned("sweep", None), semconv.BATCH_COUNT: max(count, len(jobs))},
        links=[link for job in jobs if (link := _link(job))],
        start_time=began_ns,
    )
    if error is not None:
        fail(span, error)
    span.end()


def _link(job: Job) -> Link | None:
    created = carrier.span_context_in(job.meta) or carrier.previous_in(carrier.carrier_in(job.meta))
    if created is None or created == INVALID_SPAN_CONTEXT:
        return None
    return Link(created, {semconv.MESSAGE_ID: job.key, semconv.WORKER_ID: job.worker_id or "unknown"})
