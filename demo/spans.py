"""Spans as the receiver keeps them, read from OTLP's protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from demo.otlp_values import read_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

__all__ = ("Event", "Link", "Span", "read_spans")

# Enumerations of opentelemetry/proto/trace/v1/trace.proto, by number.
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True, kw_only=True)
class Link:
    """A reference from one span to another."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at one moment of a span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span; ids are lower-case hexadecimal, times are Unix nanoseconds."""

    service: str
    name: str
    kind: str
    """INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER or UNSPECIFIED."""
    trace_id: str
    span_id: str
    parent_id: str | None = None
    """None for the root of a trace."""
    start_ns: int
    end_ns: int
    status: str = "UNSET"
    """UNSET, OK or ERROR."""
    status_message: str = ""
    scope: str = ""
    """The name of the instrumentation that made it."""
    schema_url: str = ""
    links: tuple[Link, ...] = ()
    events: tuple[Event, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name, with the job's function where it is about a job."""
        function = self.attributes.get("saq.job.function")
        return f"{self.name} ({function})" if function else self.name

    @property
    def duration_ms(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e6


def read_spans(payload: bytes) -> Iterator[Span]:
    """Read an OTLP export request.

    Raises:
        google.protobuf.message.DecodeError: where it is none.
    """
    for group in ExportTraceServiceRequest.FromString(payload).resource_spans:
        resource = read_attributes(group.resource.attributes)
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield _span(span, resource, scoped.scope.name, scoped.schema_url)


def _span(span: OtlpSpan, resource: Mapping[str, Any], scope: str, schema_url: str) -> Span:
    return Span(
        service=str(resource.get("service.name", "unknown")),
        name=span.name,
        kind=_KINDS[span.kind],
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=_STATUSES[span.status.code],
        status_message=span.status.message,
        scope=scope,
        schema_url=schema_url,
        links=tuple(
            Link(trace_id=link.trace_id.hex(), span_id=link.span_id.hex(), attributes=read_attributes(link.attributes))
            for link in span.links
        ),
        events=tuple(
            Event(name=event.name, time_ns=event.time_unix_nano, attributes=read_attributes(event.attributes))
            for event in span.events
        ),
        attributes=read_attributes(span.attributes),
        resource=resource,
    )
