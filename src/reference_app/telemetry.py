"""OpenTelemetry's SDK, in the process that uses it, by OpenTelemetry's own environment variables.

It is on where `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set.
"""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any, cast

from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from litestar.types import Scope
    from saq.types import Context

__all__ = ("current_trace_id", "make_plugin", "start", "start_in_worker", "stop", "stop_in_worker", "wanted")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_STOP_S = 3.0
_QUIET = ["^/health", "^/page/", "^/schema", "^/favicon.ico"]
_REPORT = re.compile(r"^/reports/[^/]+")
_COLUMN = re.compile(r"/columns/[^/]+")


def wanted() -> bool:
    """Return whether spans are to be exported."""
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true" and any(map(os.environ.get, _ENDPOINTS))


def start(service: str) -> None:
    """Export this process' spans from now on.

    Args:
        service: what it is called, where `OTEL_SERVICE_NAME` says nothing else.
    """
    # A worker in the API's own loop uses what the API has set up.
    if not wanted() or isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    name = os.environ.get("OTEL_SERVICE_NAME") or service
    # Its own exit handler would wait for a dead collector; `stop` does not.
    provider = TracerProvider(resource=Resource.create({"service.name": name}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def stop() -> None:
    """Export what is left, for a few seconds at most."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # A thread, because the SDK's own time-out does not hold where the collector does not answer.
        thread = threading.Thread(target=provider.shutdown, name="telemetry-shutdown", daemon=True)
        thread.start()
        thread.join(_STOP_S)


async def start_in_worker(ctx: Context) -> None:
    """Start, in a worker's process."""
    start(f"reference-worker-{cast('Any', ctx)['queue'].name}")


async def stop_in_worker(_: Context) -> None:
    """Stop, in a worker's process."""
    stop()


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
