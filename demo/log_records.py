"""Log records as the receiver keeps them, read from OTLP's protobuf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from demo.otlp_values import read_attributes, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ("Log", "read_logs")


@dataclass(frozen=True, kw_only=True)
class Log:
    """One log record."""

    body: Any
    severity: str
    """TRACE, DEBUG, INFO, WARN, ERROR or FATAL."""
    time_ns: int
    trace_id: str | None = None
    """In hex; None where it was made in no span."""
    span_id: str | None = None
    scope: str = ""
    """The logger's name."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The name of the service."""
        return str(self.resource.get("service.name", "unknown"))


def read_logs(payload: bytes) -> Iterator[Log]:
    """Read an OTLP export request.

    Raises:
        google.protobuf.message.DecodeError: where it is none.
    """
    for group in ExportLogsServiceRequest.FromString(payload).resource_logs:
        resource = read_attributes(group.resource.attributes)
        for scoped in group.scope_logs:
            for record in scoped.log_records:
                yield Log(
                    body=read_value(record.body),
                    severity=record.severity_text,
                    time_ns=record.time_unix_nano,
                    trace_id=record.trace_id.hex() or None,
                    span_id=record.span_id.hex() or None,
                    scope=scoped.scope.name,
                    attributes=read_attributes(record.attributes),
                    resource=resource,
                )
