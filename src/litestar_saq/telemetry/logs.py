"""Which job a log record belongs to.

While a job runs, its key, function, queue and attempt are bound: to structlog's context variables, and to
`logging` records by a filter on the handlers.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from litestar_saq.typing import STRUCTLOG_INSTALLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from saq.job import Job

__all__ = ("JobContextFilter", "bind_job", "install_job_filter", "job_fields")

_bound: ContextVar[dict[str, Any] | None] = ContextVar("litestar_saq_job", default=None)


def job_fields(job: Job) -> dict[str, Any]:
    """Return what is bound: `job_key`, `function`, `queue`, `attempt`."""
    queue = job.queue.name if job.queue else None
    return {"job_key": job.key, "function": job.function, "queue": queue, "attempt": job.attempts}


class JobContextFilter(logging.Filter):
    """Adds the running job to records: `job_key`, `function`, `queue`, `attempt`.

    Attributes that a record has already (by `extra`) stay as they are; it lets every record pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the job's fields."""
        for name, value in (_bound.get() or {}).items():
            record.__dict__.setdefault(name, value)
        return True


_filter = JobContextFilter()


def install_job_filter() -> None:
    """Put the filter on every handler that there is now; a second call adds none twice.

    A handler's filters see the records of all loggers, a logger's only its own.
    """
    loggers = [logging.getLogger(), *(log for log in logging.root.manager.loggerDict.values())]
    for log in loggers:
        for handler in getattr(log, "handlers", ()):
            handler.addFilter(_filter)


@contextmanager
def bind_job(job: Job) -> Iterator[None]:
    """Bind a job to what is logged inside, in this task and in the threads and tasks that it starts."""
    fields = job_fields(job)
    token = _bound.set(fields)
    try:
        if STRUCTLOG_INSTALLED:
            from structlog.contextvars import bound_contextvars  # noqa: PLC0415 - an optional package

            with bound_contextvars(**fields):
                yield
        else:
            yield
    finally:
        _bound.reset(token)
