"""Many jobs in one call: a Create span for each, and one Send span that links to them (semconv, batch operations)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind

from litestar_saq.telemetry import carrier, semconv
from litestar_saq.telemetry._state import harmless, override, sending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from saq.job import Job

    from litestar_saq.telemetry.queue_telemetry import Operation, QueueTelemetry

__all__ = ("MAX_CREATE_SPANS", "enqueue_many")

MAX_CREATE_SPANS = 100
"""Above this many jobs one span stands for all."""


async def enqueue_many(telemetry: QueueTelemetry, plain: Any, jobs: Iterable[Job]) -> list[Job | None]:
    """Enqueue jobs; each goes along with the context of its own Create span, or of the one span of all."""
    batch = list(jobs)
    creates = telemetry.options.create_spans and len(batch) <= MAX_CREATE_SPANS
    created = _create(telemetry, batch) if creates else None
    operation = _begin(telemetry, batch, created)
    error: BaseException | None = None
    stored: list[Job | None] = []
    mark = sending.set("keep" if created is not None else None)
    try:
        stored = await plain(batch)
    except BaseException as raised:
        error = raised
        raise
    else:
        return stored
    finally:
        sending.reset(mark)
        telemetry.count_sent("enqueue", len(batch), error, duplicates=stored.count(None))
        if operation:
            operation.end(error)


@harmless
def _begin(telemetry: QueueTelemetry, batch: list[Job], created: list[Link] | None) -> Operation | None:
    return telemetry.begin(
        "enqueue",
        SpanKind.PRODUCER if created is None else SpanKind.CLIENT,
        "send",
        attributes={semconv.BATCH_COUNT: len(batch)},
        links=created or (),
    )


@harmless
def _create(telemetry: QueueTelemetry, batch: list[Job]) -> list[Link]:
    links: list[Link] = []
    for job in batch:
        attributes = {semconv.MESSAGE_ID: job.key}
        kept = carrier.is_kept(job.meta, job)
        created = carrier.span_context_in(job.meta) if kept else _create_one(telemetry, job)
        if created is not None:
            links.append(Link(created, attributes))
    return links


def _create_one(telemetry: QueueTelemetry, job: Job) -> trace.SpanContext:
    span = telemetry.owner.tracer.start_span(
        telemetry.name("create", job.function),
        kind=SpanKind.PRODUCER,
        attributes={
            **telemetry.spanned("create", "create"),
            semconv.MESSAGE_ID: job.key,
            semconv.FUNCTION: job.function,
        },
    )
    asked = override.get()
    if asked == "none":
        carrier.write(job, carrier.asking(asked))
    else:
        carrier.inject(
            job,
            with_baggage=telemetry.options.propagate_baggage,
            context=trace.set_span_in_context(span),
            entries=carrier.asking(asked),
        )
    span.end()
    return span.get_span_context()
