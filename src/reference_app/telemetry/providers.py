"""OpenTelemetry's SDK, in the process that uses it: providers of spans, metrics and log records.

They are neither flushed nor shut down here: the library exports what is left at the end of a process, with a time-out
that holds. The SDK's own exit handlers would wait for a collector that hangs.
"""

from __future__ import annotations

import logging
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from reference_app.telemetry.exports import read_exports
from reference_app.telemetry.log_handler import ExportHandler
from reference_app.telemetry.redis_spans import PipelineNames, instrument_redis
from reference_app.telemetry.resource import make_resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.resources import Resource

    from reference_app.telemetry.exports import Protocol, Signal

__all__ = ("set_up",)

logger = logging.getLogger(__name__)

_PACKAGES: dict[Protocol, str] = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}


def set_up(queues: Sequence[str]) -> None:
    """Export this process' spans, metrics and log records from now on; a second call changes nothing.

    What can't be exported is told in the log, and the process goes on without it.

    Args:
        queues: the queues whose workers this process runs; none in the server.
    """
    exports = read_exports()
    for sentence in exports.refused:
        logger.error(sentence)
    resource = make_resource(queues)
    for signal, protocol in exports.protocols.items():
        try:
            _START[signal](protocol, resource)
        except Exception as error:  # noqa: BLE001 - a variable of the SDK's that is not usable may raise anything
            logger.error("no %s are exported: %s: %s", signal, type(error).__name__, error)  # noqa: TRY400


def _start_traces(protocol: Protocol, resource: Resource) -> None:
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    processor = BatchSpanProcessor(_make_exporter(protocol, "trace_exporter:OTLPSpanExporter"))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(PipelineNames())
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    instrument_redis()


def _start_metrics(protocol: Protocol, resource: Resource) -> None:
    if isinstance(metrics.get_meter_provider(), MeterProvider):
        return
    reader = PeriodicExportingMetricReader(_make_exporter(protocol, "metric_exporter:OTLPMetricExporter"))
    metrics.set_meter_provider(MeterProvider([reader], resource, shutdown_on_exit=False))


def _start_logs(protocol: Protocol, resource: Resource) -> None:
    if isinstance(_logs.get_logger_provider(), LoggerProvider):
        return
    processor = BatchLogRecordProcessor(_make_exporter(protocol, "_log_exporter:OTLPLogExporter"))
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    _logs.set_logger_provider(provider)
    logging.getLogger().addHandler(ExportHandler(provider))


_START: dict[Signal, Callable[[Protocol, Resource], None]] = {
    "traces": _start_traces,
    "metrics": _start_metrics,
    "logs": _start_logs,
}


def _make_exporter(protocol: Protocol, name: str) -> Any:
    """Return an exporter that reads the rest of its variables itself; it connects when it exports first."""
    # Imported only where it is used: gRPC's is large, and does not like to be forked.
    return resolve_name(f"{_PACKAGES[protocol]}.{name}")()
