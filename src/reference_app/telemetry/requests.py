"""Spans of requests, by Litestar's OpenTelemetryPlugin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from opentelemetry import trace

if TYPE_CHECKING:
    from litestar.types import Scope

__all__ = ("current_trace_id", "make_plugin")

_QUIET = ["^/health", "^/page/", "^/schema", "^/favicon.ico"]
_REPORT = re.compile(r"^/reports/[^/]+")
_COLUMN = re.compile(r"/columns/[^/]+")


def make_plugin() -> OpenTelemetryPlugin:
    """Return the plugin that makes a span of each request, apart from those that only look whether the API is there."""
    return OpenTelemetryPlugin(
        OpenTelemetryConfig(
            exclude=_QUIET,
            exclude_spans=["receive", "send"],
            scope_span_details_extractor=_span_details,
        )
    )


def current_trace_id() -> str | None:
    """Return the trace of the current span in hex; None where there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _span_details(scope: Scope) -> tuple[str, dict[str, Any]]:
    # Spans of one route have one name. The route is not known yet: the span begins before the routing.
    path = _COLUMN.sub("/columns/{index}", _REPORT.sub("/reports/{report_id}", scope["path"]))
    return f"{scope.get('method', '')} {path}".strip(), {"http.route": path}
