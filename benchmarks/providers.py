"""OpenTelemetry's SDK as a program sets it up: every span sampled, a batch processor, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ("Providers",)


class Providers:
    """A tracer's and a meter's provider, with the SDK's defaults.

    Args:
        endpoint: where they export to; None drops what they export.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._spans = _Counted(OTLPSpanExporter(f"{endpoint}/v1/traces") if endpoint else _DroppedSpans())
        self.tracer = TracerProvider()
        self.tracer.add_span_processor(BatchSpanProcessor(self._spans))
        metrics = OTLPMetricExporter(f"{endpoint}/v1/metrics") if endpoint else _DroppedMetrics()
        self.meter = MeterProvider([PeriodicExportingMetricReader(metrics)])

    @property
    def exported_spans(self) -> int:
        """How many spans were exported."""
        return self._spans.count

    def flush(self) -> None:
        """Export what is left."""
        self.tracer.force_flush()
        self.meter.force_flush()


class _Counted(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.count = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.count += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _DroppedSpans(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS


class _DroppedMetrics(MetricExporter):
    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        del metrics_data, timeout_millis
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        del timeout_millis
