"""Spans of jobs: a PRODUCER where one is enqueued, a CONSUMER for each run, in one trace.

Names and attributes are those of OpenTelemetry's semantic conventions for messaging 1.44 (status: Development);
what they lack is `saq.*`. A CONSUMER span is the child of its PRODUCER span and carries a link to it as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from saq.job import Status as JobStatus

from litestar_saq._cron import in_cron
from litestar_saq.brokers.base import broker_of

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.trace import TracerProvider
    from saq.job import Job
    from saq.queue.base import Queue

__all__ = ("CARRIER", "JobSpan", "JobTracing")

CARRIER: Final = "_otel_context"
"""Where a job's metadata holds the trace's context: a flat mapping of text, as 0.8.0 reads it."""
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
_MARK = "_litestar_saq_tracing"


@dataclass
class JobSpan:
    """The span of a run, made current."""

    span: Span
    token: Token[Context]


class JobTracing:
    """Makes the spans of one plugin's queues and workers.

    Args:
        tracer_name: the tracer's name.
        provider: where the tracer comes from; None is OpenTelemetry's global one, asked at the first span,
            so that each process can set its own.
    """

    def __init__(self, tracer_name: str = "litestar_saq", provider: TracerProvider | None = None) -> None:
        self._name = tracer_name
        self._provider = provider
        self._tracer: Tracer | None = None

    @property
    def tracer(self) -> Tracer:
        """The tracer."""
        if self._tracer is None:
            self._tracer = trace.get_tracer(self._name, tracer_provider=self._provider, schema_url=SCHEMA_URL)
        return self._tracer

    def instrument(self, queue: Queue) -> None:
        """Make a queue's `enqueue` carry the trace, also for `apply`, `map` and `Job.enqueue`; twice is once."""
        if getattr(queue, _MARK, None):
            return
        plain = queue.enqueue

        async def enqueue(job_or_func: str | Job, **kwargs: Any) -> Job | None:
            if in_cron.get():
                return await plain(job_or_func, **kwargs)
            function = job_or_func if isinstance(job_or_func, str) else job_or_func.function
            with self.tracer.start_as_current_span(
                f"enqueue {queue.name}",
                kind=SpanKind.PRODUCER,
                attributes={**_common(queue, "enqueue", "send"), "saq.job.function": function},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    job = await plain(job_or_func, **kwargs)
                except Exception as error:
                    _fail(span, error)
                    raise
                if job is None:
                    span.set_attribute("saq.enqueue.deduplicated", True)
                return job

        setattr(queue, _MARK, True)
        queue.register_before_enqueue(_inject)
        queue.enqueue = enqueue  # type: ignore[method-assign]  # SAQ's own methods then call it too

    def start(self, job: Job, queue: Queue, worker_id: str) -> JobSpan:
        """Start the span of a run and make it current in this task."""
        parent = propagate.extract(_carrier(job), context=Context())
        created = trace.get_current_span(parent).get_span_context()
        attributes: dict[str, Any] = {
            **_common(queue, "process", "process"),
            "messaging.message.id": job.key,
            "messaging.client.id": worker_id,
            "saq.job.function": job.function,
            "saq.job.attempt": job.attempts,
            "saq.job.retries": job.retries,
            "saq.job.wait_ms": max(0, job.started - max(job.queued, job.scheduled * 1000)),
        }
        span = self.tracer.start_span(
            f"process {queue.name}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=[Link(created)] if created.is_valid else None,
        )
        return JobSpan(span, otel_context.attach(trace.set_span_in_context(span, parent)))

    def end(self, job_span: JobSpan, job: Job, error: BaseException | None) -> None:
        """End the span of a run by its outcome: an exception is an error; an abort or a shutdown is none."""
        span = job_span.span
        span.set_attribute("saq.job.status", job.status.value)
        if error is not None:
            if job.status is JobStatus.QUEUED:
                span.set_attribute("saq.job.will_retry", True)
            _fail(span, error)
        elif job.status is JobStatus.ABORTED:
            span.add_event("saq.job.aborted")
        elif job.status is JobStatus.QUEUED:
            span.add_event("saq.job.cancelled")
        span.end()
        otel_context.detach(job_span.token)


def _common(queue: Queue, operation: str, kind: str) -> dict[str, Any]:
    broker = broker_of(queue)
    attributes: dict[str, Any] = {
        "messaging.system": "saq",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": queue.name,
        "saq.broker": broker.name,
    }
    if address := broker.address(queue):
        attributes["server.address"] = address.host
        if address.port:
            attributes["server.port"] = address.port
    return attributes


def _carrier(job: Job) -> dict[str, str]:
    meta = job.meta or {}
    carrier = meta.get(CARRIER)
    if isinstance(carrier, dict):
        return carrier
    # Producers in other languages may write the headers side by side with their own metadata.
    return {name: meta[name] for name in ("traceparent", "tracestate") if isinstance(meta.get(name), str)}


async def _inject(job: Job) -> None:
    """Write the current context into the job, the last thing before it is stored."""
    meta = dict(job.meta or {})  # a copy: the caller's may be shared by many jobs
    meta.pop(CARRIER, None)
    if not in_cron.get():
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        if carrier:
            meta[CARRIER] = carrier
        trace.get_current_span().set_attribute("messaging.message.id", job.key)
    job.meta = meta


def _fail(span: Span, error: BaseException) -> None:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    span.record_exception(error)
    span.set_attribute("error.type", name)
    span.set_status(Status(StatusCode.ERROR, str(error)))
