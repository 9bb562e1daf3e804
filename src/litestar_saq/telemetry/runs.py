"""The span of a run: a CONSUMER, current while the job runs, one for each attempt."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind
from saq.job import Status

from litestar_saq.telemetry import carrier, semconv
from litestar_saq.telemetry._state import current_run, harmless
from litestar_saq.telemetry.metrics import CONSUMED
from litestar_saq.telemetry.options import PROPAGATIONS
from litestar_saq.telemetry.queue_telemetry import fail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from saq.job import Job

    from litestar_saq.telemetry.metrics import JobMetrics
    from litestar_saq.telemetry.queue_telemetry import QueueTelemetry

__all__ = ("Run", "begin_run")

_TO_PARENT = {semconv.REFERENCE_TYPE: semconv.CHILD_OF}


@harmless
def begin_run(telemetry: QueueTelemetry, job: Job, worker_id: str) -> Run | None:
    """Begin the span of a run, in the task that runs the job.

    Returns:
        The run; None where the job's run has begun already.
    """
    running = current_run.get()
    if running is not None and running.job is job:
        return None
    return Run(telemetry, job, worker_id)


class Run:
    """One attempt of a job."""

    def __init__(self, telemetry: QueueTelemetry, job: Job, worker_id: str) -> None:
        self.job = job
        self._telemetry = telemetry
        self._wait_s = max(0.0, (job.started - max(job.queued, job.scheduled * 1000)) / 1000)
        self._worker_id = worker_id
        self._annotated = False
        self._start_span()
        self._began = time.perf_counter()
        self._mark = current_run.set(self)
        if telemetry.owner.metrics is not None:
            self._count_start(telemetry.owner.metrics)

    def _start_span(self) -> None:
        telemetry, job = self._telemetry, self.job
        options = telemetry.options
        carried = carrier.carrier_in(job.meta)
        created, creation = carrier.extract(carried, with_baggage=options.propagate_baggage)
        if options.max_parent_delay_s is None and carrier.ASKED not in carried and isinstance(options.propagation, str):
            relation: str = options.propagation
        else:
            relation = self._relation(carried) or "parent"
        links: list[Link] = []
        if creation is not None and relation != "none":
            links.append(Link(creation, _TO_PARENT if relation == "parent" else None))
        if previous := carrier.previous_in(carried):
            links.append(Link(previous))
        # Never the worker's own context: a span that was current when it was started would adopt every job.
        parent = created if relation == "parent" else _baggage_alone(created)
        self.span = telemetry.owner.tracer.start_span(
            telemetry.name("process", job.function),
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=self._attributes(carried),
            links=links,
        )
        self._token = otel_context.attach(trace.set_span_in_context(self.span, parent))

    @harmless
    def annotate(self) -> None:
        """Write this attempt into the job, once: what comes after it, or after our death, knows of it then.

        Left to those who store a job that has not ended well: it takes as long as a part of the span.
        """
        context = self.span.get_span_context()
        if not self._annotated and context.is_valid:
            self._annotated = True
            carrier.note(self.job, {carrier.PREVIOUS: carrier.header_of(context)})

    @harmless
    def _relation(self, carried: Mapping[str, str]) -> str:
        options, job = self._telemetry.options, self.job
        if options.max_parent_delay_s is not None and self._wait_s > options.max_parent_delay_s:
            return "link"
        asked: Any = carried.get(carrier.ASKED)
        if asked is None:
            asked = options.propagation(job) if callable(options.propagation) else options.propagation
        if asked not in PROPAGATIONS:
            raise ValueError(f"propagation {asked!r} is not accepted: 'parent', 'link' or 'none'")
        return str(asked)

    def _attributes(self, carried: Mapping[str, str]) -> dict[str, Any]:
        job = self.job
        attributes: dict[str, Any] = {
            **self._telemetry.processed(self._worker_id),
            semconv.MESSAGE_ID: job.key,
            semconv.FUNCTION: job.function,
            semconv.ATTEMPT: job.attempts,
            semconv.RETRIES: job.retries,
            semconv.TIMEOUT: job.timeout or 0,
            semconv.WAIT_MS: round(self._wait_s * 1000),
            semconv.TRIGGER: carried.get(carrier.TRIGGER) or ("retry" if job.attempts > 1 else "enqueue"),
        }
        if expression := carried.get(carrier.CRON):
            attributes[semconv.CRON] = expression
        return attributes

    @harmless
    def _count_start(self, metrics: JobMetrics) -> None:
        telemetry = self._telemetry
        metrics.observed.run(telemetry.queue.name, 1)
        metrics.observed.count(CONSUMED, telemetry.measured("process", None))
        metrics.record.wait.record(self._wait_s, telemetry.counted(self.job.function))

    @harmless
    def end(self, error: BaseException | None) -> None:
        """End the span by the job's outcome: an exception is an error; an abort or a shutdown is none."""
        try:
            self._tell_outcome(error)
        finally:
            if self._telemetry.owner.metrics is not None:
                self._measure(self._telemetry.owner.metrics, error)
            # Also where the context is gone with the run: each would hold the other, for the collector to find.
            current_run.reset(self._mark)
            otel_context.detach(self._token)
            self.span.end()

    def _tell_outcome(self, error: BaseException | None) -> None:
        span, job = self.span, self.job
        if not span.is_recording():
            return
        span.set_attribute(semconv.STATUS, str.__str__(job.status))
        if error is not None:
            fail(span, error)
            if job.status is Status.QUEUED:
                span.set_attribute(semconv.WILL_RETRY, True)
                delay = {semconv.RETRY_DELAY: float(job.retry_delay), semconv.ATTEMPT: job.attempts}
                span.add_event("saq.job.retry", delay)
        elif job.status is Status.ABORTED:
            span.add_event("saq.job.aborted")
        elif job.status is Status.QUEUED:
            span.add_event("saq.job.cancelled")
        settled = job.status is Status.COMPLETE or job.status is Status.FAILED
        if settled and not self._telemetry.options.settle_spans:
            span.add_event("saq.job.finished")

    @harmless
    def _measure(self, metrics: JobMetrics, error: BaseException | None) -> None:
        telemetry = self._telemetry
        kind = semconv.error_type(error) if error is not None else None
        attributes = telemetry.measured("process", None, self.job.function)
        if kind:
            attributes = {**attributes, semconv.ERROR_TYPE: kind}
        # While the span is still current, so that an exemplar tells of it.
        metrics.record.process.record(time.perf_counter() - self._began, attributes)
        metrics.observed.run(telemetry.queue.name, -1)
        if outcome := _outcome(self.job, error, telemetry.queue.swept_error_message):
            telemetry.count_outcome(self.job.function, outcome, kind)


def _outcome(job: Job, error: BaseException | None, swept: str) -> str | None:
    if error is not None:
        return "retried" if job.status is Status.QUEUED else "failed"
    if job.status is Status.ABORTED:
        return None if job.error == swept else "aborted"  # the sweep counts what it took
    return "complete" if job.status is Status.COMPLETE else None


def _baggage_alone(context: Context) -> Context:
    alone = Context()
    for name, value in baggage.get_all(context).items():
        alone = baggage.set_baggage(name, value, alone)
    return alone
