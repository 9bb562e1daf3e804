"""Metrics as the receiver keeps them, read from OTLP's protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from demo.otlp_values import read_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar as OtlpExemplar
    from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, NumberDataPoint
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OtlpMetric

__all__ = ("Exemplar", "Metric", "read_metrics")

# Enumeration of opentelemetry/proto/metrics/v1/metrics.proto, by number.
_TEMPORALITIES = ("UNSPECIFIED", "DELTA", "CUMULATIVE")


@dataclass(frozen=True, kw_only=True)
class Exemplar:
    """One measurement of a metric, with the span in which it was made."""

    value: float
    time_ns: int
    trace_id: str
    span_id: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """The state of one series: a metric with one set of attributes, of one process."""

    name: str
    unit: str
    kind: str
    """SUM, GAUGE or HISTOGRAM."""
    monotonic: bool = False
    """Whether a sum only grows."""
    temporality: str = "UNSPECIFIED"
    """CUMULATIVE (since the start), DELTA (since the last export), or UNSPECIFIED for a gauge."""
    scope: str = ""
    """The name of the instrumentation that made it."""
    schema_url: str = ""
    time_ns: int = 0
    value: float = 0
    """Of a sum or a gauge."""
    count: int = 0
    """Of a histogram, as are the following."""
    sum: float = 0.0
    bounds: tuple[float, ...] = ()
    """The upper bounds of all buckets but the last one, which has none."""
    buckets: tuple[int, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The name of the service."""
        return str(self.resource.get("service.name", "unknown"))

    @property
    def series(self) -> tuple[str, ...]:
        """What makes it another series than any other."""
        parts = (self.resource, self.attributes)
        return (self.name, self.scope, *(repr(sorted(part.items(), key=lambda item: item[0])) for part in parts))


def read_metrics(payload: bytes) -> Iterator[Metric]:
    """Read an OTLP export request; kinds of metrics that nothing here makes are left out.

    Raises:
        google.protobuf.message.DecodeError: where it is none.
    """
    for group in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
        resource = read_attributes(group.resource.attributes)
        for scoped in group.scope_metrics:
            common = {"resource": resource, "scope": scoped.scope.name, "schema_url": scoped.schema_url}
            for metric in scoped.metrics:
                yield from _points(metric, {**common, "name": metric.name, "unit": metric.unit})


def _points(metric: OtlpMetric, common: Mapping[str, Any]) -> Iterator[Metric]:
    match metric.WhichOneof("data"):
        case "sum":
            temporality = _TEMPORALITIES[metric.sum.aggregation_temporality]
            told = {**common, "temporality": temporality, "monotonic": metric.sum.is_monotonic}
            for point in metric.sum.data_points:
                yield Metric(kind="SUM", **told, **_number(point))
        case "gauge":
            for point in metric.gauge.data_points:
                yield Metric(kind="GAUGE", **common, **_number(point))
        case "histogram":
            told = {**common, "temporality": _TEMPORALITIES[metric.histogram.aggregation_temporality]}
            for filled in metric.histogram.data_points:
                yield Metric(kind="HISTOGRAM", **told, **_distribution(filled))


def _number(point: NumberDataPoint) -> dict[str, Any]:
    return {**_common(point), "value": _value(point)}


def _distribution(point: HistogramDataPoint) -> dict[str, Any]:
    return {
        **_common(point),
        "count": point.count,
        "sum": point.sum,
        "bounds": tuple(point.explicit_bounds),
        "buckets": tuple(point.bucket_counts),
    }


def _common(point: NumberDataPoint | HistogramDataPoint) -> dict[str, Any]:
    return {
        "attributes": read_attributes(point.attributes),
        "time_ns": point.time_unix_nano,
        "exemplars": tuple(
            Exemplar(
                value=_value(exemplar),
                time_ns=exemplar.time_unix_nano,
                trace_id=exemplar.trace_id.hex(),
                span_id=exemplar.span_id.hex(),
            )
            for exemplar in point.exemplars
        ),
    }


def _value(point: NumberDataPoint | OtlpExemplar) -> float:
    return point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
