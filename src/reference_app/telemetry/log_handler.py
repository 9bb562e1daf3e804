"""The handler that exports log records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry.instrumentation.logging.handler import LoggingHandler

from litestar_saq.telemetry import JobContextFilter

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

__all__ = ("ExportHandler",)

_EXPORTING = ("opentelemetry", "urllib3", "requests", "grpc")
"""Loggers of the export itself: what they say about it must not be what it exports next."""
_NEEDLESS = frozenset({"trace_id", "span_id", "trace_flags", "color_message"})
"""What a record has in fields of its own, and uvicorn's message once more with colours."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class ExportHandler(LoggingHandler):
    """Exports records: the message as the body, the job that it was made in and what `extra` holds as attributes.

    Args:
        provider: where the records go.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__(logger_provider=provider)
        self._context = JobContextFilter()

    def emit(self, record: logging.LogRecord) -> None:
        """Export a record; of `extra` only texts, numbers and truth values, whatever else there is may be secret."""
        if record.name.partition(".")[0] in _EXPORTING:
            return
        # A copy, because the other handlers see the same record.
        exported = logging.makeLogRecord(vars(record))
        self._context.filter(exported)
        for name in set(vars(exported)) - _STANDARD:
            if name in _NEEDLESS or not isinstance(getattr(exported, name), str | int | float):
                delattr(exported, name)
        super().emit(exported)

    def flush(self) -> None:
        """Leave it to the end of the process: `logging.shutdown` would wait for a collector that hangs."""
