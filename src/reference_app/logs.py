"""Logs: one JSON object a line on standard error, whoever logs.

What the library binds while a job runs (`job_key`, `function`, `queue`, `attempt`) is in each of its lines.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from litestar.logging import LoggingConfig
from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from litestar_saq.telemetry import JobContextFilter

if TYPE_CHECKING:
    from structlog.types import Processor

__all__ = ("ExporterFilter", "json_formatter", "make_logging_config")

_SILENCE_S = 300.0
"""For how long what an exporter has said is not said again."""

_FIELDS: list[Processor] = [
    merge_contextvars,
    TimeStamper(fmt="iso", utc=True),
    add_log_level,
    add_logger_name,
    ExtraAdder(),
    format_exc_info,
]


def make_logging_config(level: str) -> LoggingConfig:
    """Return the logging of the API and of the workers.

    Args:
        level: the least level that is logged.
    """
    plain: dict[str, Any] = {"handlers": [], "propagate": True}
    return LoggingConfig(
        root={"level": level, "handlers": ["console"]},
        formatters={"json": {"()": json_formatter}},
        filters={"exporter": {"()": ExporterFilter}, "context": {"()": JobContextFilter}},
        handlers={
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["exporter", "context"],
            },
            # Litestar's own starts a thread in each process, and a worker may be forked from one.
            "queue_listener": {"class": "logging.NullHandler"},
        },
        loggers=dict.fromkeys(("litestar", "uvicorn", "uvicorn.access", "uvicorn.error"), plain),
        # What clients do wrong is no exception of ours; the rest is logged where it is answered.
        log_exceptions="never",
    )


class ExporterFilter(logging.Filter):
    """Keeps telemetry that can't be exported from filling the log: each message of OpenTelemetry's once in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be logged."""
        if not record.name.startswith("opentelemetry."):
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._said.get(kind, -_SILENCE_S) < _SILENCE_S:
            return False
        self._said[kind] = now
        return True


def json_formatter() -> ProcessorFormatter:
    """Return what makes JSON of a record."""
    return ProcessorFormatter(
        foreign_pre_chain=_FIELDS,
        processors=[ProcessorFormatter.remove_processors_meta, JSONRenderer(ensure_ascii=False, default=str)],
    )
