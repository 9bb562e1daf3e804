"""Which job, and which span, a log record belongs to.

While a job runs, its key, function, queue and attempt are bound, and the ids of its trace and span: to structlog's
context variables, and to `logging` records by a filter on the handlers.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from litestar_saq.typing import OPENTELEMETRY_INSTALLED, STRUCTLOG_INSTALLED

# Here, since an import costs its time in each job, too.
if TYPE_CHECKING or OPENTELEMETRY_INSTALLED:
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
if TYPE_CHECKING or STRUCTLOG_INSTALLED:
    from structlog.contextvars import bind_contextvars, reset_contextvars

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from opentelemetry.trace import Span
    from saq.job import Job

__all__ = ("JobContextFilter", "add_job_context", "bind_job", "install_job_filter", "job_fields", "span_fields")

_bound: ContextVar[dict[str, Any] | None] = ContextVar("litestar_saq_job", default=None)


def job_fields(job: Job) -> dict[str, Any]:
    """Return what is bound: `job_key`, `function`, `queue`, `attempt`."""
    queue = job.queue.name if job.queue else None
    return {"job_key": job.key, "function": job.function, "queue": queue, "attempt": job.attempts}


def span_fields(span: Span | None = None) -> dict[str, Any]:
    """Return a span's `trace_id` and `span_id` in hex and its `trace_flags`; nothing where there is none.

    Args:
        span: by default the current one.
    """
    if not OPENTELEMETRY_INSTALLED:
        return {}
    context = (span or get_current_span()).get_span_context()
    if not context.is_valid:
        return {}
    return {
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
        "trace_flags": int(context.trace_flags),
    }


def _fields() -> dict[str, Any]:
    job = _bound.get()
    return {**job, **span_fields()} if job else span_fields()


class JobContextFilter(logging.Filter):
    """Adds the running job and the current span to records.

    `job_key`, `function`, `queue`, `attempt` inside a job; `trace_id`, `span_id`, `trace_flags` inside a span.
    Attributes that a record has already (by `extra`) stay as they are; it lets every record pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields."""
        for name, value in _fields().items():
            record.__dict__.setdefault(name, value)
        return True


def add_job_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the running job and the current span to an event of structlog's; a processor for its chain.

    Without it, `structlog.contextvars.merge_contextvars` adds the job and the span of its run; with it, a span of
    the job's own is told where it is current.
    """
    for name, value in _fields().items():
        if name in event and not name.startswith(("trace_", "span_")):
            continue
        event[name] = value
    return event


_filter = JobContextFilter()


def install_job_filter() -> None:
    """Put the filter on every handler that there is now; a second call adds none twice.

    A handler's filters see the records of all loggers, a logger's only its own.
    """
    loggers = [logging.getLogger(), *(log for log in logging.root.manager.loggerDict.values())]
    for log in loggers:
        for handler in getattr(log, "handlers", ()):
            handler.addFilter(_filter)


class bind_job:  # noqa: N801 - used as a function would be; a generator's context manager takes twice the time
    """Bind a job to what is logged inside, in this task and in the threads and tasks that it starts.

    Args:
        job: the job.
        span: the current span, where it is known.
    """

    __slots__ = ("_job", "_span", "_token", "_tokens")

    def __init__(self, job: Job, span: Span | None = None) -> None:
        self._job, self._span = job, span

    def __enter__(self) -> None:
        fields = job_fields(self._job)
        self._token = _bound.set(fields)
        if STRUCTLOG_INSTALLED:
            self._tokens = bind_contextvars(**fields, **span_fields(self._span))

    def __exit__(self, *_: object) -> None:
        if STRUCTLOG_INSTALLED:
            reset_contextvars(**self._tokens)
        _bound.reset(self._token)
