"""The telemetry of one queue: its spans' attributes, made once, and the operations on it."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from litestar_saq.brokers.base import broker_of
from litestar_saq.telemetry import carrier, semconv
from litestar_saq.telemetry._state import harmless, in_cron, override, sending, waiting
from litestar_saq.telemetry.metrics import OUTCOMES, SENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextvars import Token

    from opentelemetry.context import Context
    from saq.job import Job
    from saq.queue.base import Queue

    from litestar_saq.telemetry.job_telemetry import JobTelemetry

__all__ = ("Operation", "QueueTelemetry", "fail")

_EXCEPTION_SIGNAL = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"

MAX_FUNCTIONS = 200
"""How many functions of a queue the metrics tell apart; the others are `_OTHER`."""


class QueueTelemetry:
    """What the telemetry of one queue needs again and again.

    Args:
        owner: makes the spans and metrics.
        queue: the queue.
    """

    def __init__(self, owner: JobTelemetry, queue: Queue) -> None:
        self.owner = owner
        self.queue = queue
        self.options = owner.options
        self._measured: dict[tuple[str, str | None, str | None], dict[str, Any]] = {}
        self._spanned: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._processed: dict[str, dict[str, Any]] = {}
        self._counted: dict[tuple[str, str], dict[str, Any]] = {}
        self._functions: set[str] = set()

    @cached_property
    def broker_name(self) -> str:
        """The broker's kind."""
        return broker_of(self.queue).name

    @cached_property
    def settles_unseen(self) -> bool:
        """Whether nothing is told of how an outcome is written, by a task of the queue's own that silences clients."""
        return hasattr(self.queue, "turns") and self.owner.metrics is None and not self.options.settle_spans

    @cached_property
    def common(self) -> dict[str, Any]:
        """The attributes of every span and of the conventions' metrics."""
        common: dict[str, Any] = {semconv.MESSAGING_SYSTEM: semconv.SYSTEM, semconv.DESTINATION: self.queue.name}
        if address := broker_of(self.queue).address(self.queue):
            common[semconv.SERVER_ADDRESS] = address.host
            if address.port:
                common[semconv.SERVER_PORT] = address.port
        return common

    def name(self, operation: str, function: str | None = None) -> str:
        """Return a span's name."""
        by_function = self.options.span_naming == "function" and function
        return f"{operation} {function if by_function else self.queue.name}"

    def function_of(self, name: str) -> str:
        """Return a function's name as metrics tell it: a queue may be sent jobs of whatever name."""
        if name not in self._functions:
            if len(self._functions) >= MAX_FUNCTIONS:
                return semconv.OTHER
            self._functions.add(name)
        return name

    def measured(self, operation: str, kind: str | None, function: str | None = None) -> Mapping[str, Any]:
        """Return the attributes of an operation's metrics."""
        told = self.function_of(function) if function and self.options.metric_function_attribute else None
        found = self._measured.get((operation, kind, told))
        if found is None:
            found = {**self.common, semconv.OPERATION_NAME: operation}
            if kind:
                found[semconv.OPERATION_TYPE] = kind
            if told:
                found[semconv.FUNCTION] = told
            self._measured[operation, kind, told] = found
        return found

    def counted(self, function: str, status: str = "") -> Mapping[str, Any]:
        """Return the attributes of a metric of jobs."""
        told = self.function_of(function) if self.options.metric_function_attribute else ""
        found = self._counted.get((told, status))
        if found is None:
            given = {semconv.DESTINATION: self.queue.name, semconv.FUNCTION: told, semconv.STATUS: status}
            found = {name: value for name, value in given.items() if value}
            self._counted[told, status] = found
        return found

    def spanned(self, operation: str, kind: str | None) -> Mapping[str, Any]:
        """Return the attributes that an operation's spans begin with."""
        found = self._spanned.get((operation, kind))
        if found is None:
            found = {**self.measured(operation, kind), semconv.BROKER: self.broker_name}
            self._spanned[operation, kind] = found
        return found

    def processed(self, worker_id: str) -> Mapping[str, Any]:
        """Return the attributes that the spans of a worker's runs begin with."""
        found = self._processed.get(worker_id)
        if found is None:
            found = self._processed[worker_id] = {
                **self.spanned("process", "process"),
                semconv.CLIENT_ID: worker_id,
            }
        return found

    @harmless
    def begin(
        self,
        operation: str,
        kind: SpanKind,
        operation_type: str | None,
        *,
        function: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        links: Iterable[Link] = (),
        context: Context | None = None,
    ) -> Operation:
        """Begin an operation: its span is current until it ends."""
        return Operation(
            self,
            operation,
            kind,
            operation_type,
            function=function,
            attributes=attributes,
            links=links,
            context=context,
        )

    @harmless
    def measure(self, operation: str, kind: str, took_s: float, error: BaseException | None = None) -> None:
        """Record how long an operation took."""
        metrics = self.owner.metrics
        if metrics is None:
            return
        attributes = self.measured(operation, kind)
        if isinstance(error, Exception):
            attributes = {**attributes, semconv.ERROR_TYPE: semconv.error_type(error)}
        metrics.record.operation.record(took_s, attributes)

    @harmless
    def stamp(self, job: Job) -> None:
        """Write the context that a job goes along with, the last thing before it is stored."""
        if (expression := in_cron.get()) is not None:
            carrier.write(job, {carrier.TRIGGER: "cron"} | ({carrier.CRON: expression} if expression else {}))
            return
        mode = sending.get()
        if mode == "keep" or (mode is None and carrier.is_kept(job.meta, job)):
            return
        asked = override.get() or ("parent" if waiting.get() is not None else None)
        if asked == "none":
            carrier.write(job, carrier.asking(asked))
            return
        carrier.inject(job, with_baggage=self.options.propagate_baggage, entries=carrier.asking(asked))
        if mode == "inject":
            trace.get_current_span().set_attribute(semconv.MESSAGE_ID, job.key)

    @harmless
    def count_sent(self, operation: str, count: int, error: BaseException | None, *, duplicates: int = 0) -> None:
        """Count jobs that were sent, whether or not they arrived."""
        metrics = self.owner.metrics
        if metrics is None:
            return
        attributes = self.measured(operation, None)
        if error is not None:
            attributes = {**attributes, semconv.ERROR_TYPE: semconv.error_type(error)}
        if count > duplicates:
            metrics.observed.count(SENT, attributes, count - duplicates)
        if duplicates:
            metrics.observed.count(SENT, {**attributes, semconv.DEDUPLICATED: True}, duplicates)

    @harmless
    def count_outcome(self, function: str, status: str, error: str | None = None) -> None:
        """Count a job's outcome."""
        metrics = self.owner.metrics
        if metrics is None:
            return
        attributes = self.counted(function, status)
        if error:
            attributes = {**attributes, semconv.ERROR_TYPE: error}
        metrics.observed.count(OUTCOMES, attributes)


class Operation:
    """Something that a client does with a queue: a current span, and how long it took."""

    def __init__(
        self,
        telemetry: QueueTelemetry,
        operation: str,
        kind: SpanKind,
        operation_type: str | None,
        *,
        function: str | None,
        attributes: Mapping[str, Any] | None,
        links: Iterable[Link],
        context: Context | None,
    ) -> None:
        self._telemetry = telemetry
        self._operation = operation
        self._type = operation_type
        self.kept = self.proxied = False
        given = {**telemetry.spanned(operation, operation_type), **(attributes or {})}
        if function:
            given[semconv.FUNCTION] = function
        self.span: Span = telemetry.owner.tracer.start_span(
            telemetry.name(operation, function), context=context, kind=kind, attributes=given, links=list(links)
        )
        self._token: Token[Context] = otel_context.attach(trace.set_span_in_context(self.span, context))
        self._began = time.perf_counter()

    @harmless
    def end(self, error: BaseException | None = None) -> None:
        """End it; an operation of messaging is measured."""
        try:
            if isinstance(error, Exception):
                fail(self.span, error)
            if self._type is not None:
                self._telemetry.measure(self._operation, self._type, time.perf_counter() - self._began, error)
        finally:
            otel_context.detach(self._token)
            self.span.end()


def fail(span: Span, error: BaseException) -> None:
    """Mark a span as failed by an error."""
    if not span.is_recording():
        return
    kind = semconv.error_type(error)
    # With `logs` the exception is in the log record that the worker writes, and not twice.
    if os.environ.get(_EXCEPTION_SIGNAL, "").strip() != "logs":
        span.record_exception(error, attributes={"exception.type": kind})
    span.set_attribute(semconv.ERROR_TYPE, kind)
    span.set_status(Status(StatusCode.ERROR, semconv.describe_error(error)))
