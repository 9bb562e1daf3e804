"""Values of OTLP's protobuf as Python's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ("read_attributes", "read_value")


def read_attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return attributes by their names."""
    return {pair.key: read_value(pair.value) for pair in pairs}


def read_value(value: AnyValue) -> Any:
    """Return a value; None where it is none."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [read_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return read_attributes(value.kvlist_value.values)
        case name:
            return getattr(value, name)
