"""Where a job's metadata holds telemetry's own entries."""

from __future__ import annotations

from typing import Any, Final

__all__ = ("CARRIER", "visible_meta")

CARRIER: Final = "_otel_context"
"""Where a job's metadata holds the trace's context: a flat mapping of text, as 0.8.0 reads it."""


def visible_meta(meta: dict[str, Any] | None) -> dict[str, Any]:
    """Return what of a job's metadata is its owner's."""
    return {name: value for name, value in (meta or {}).items() if name != CARRIER}
