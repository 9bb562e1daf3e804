"""Where a job's metadata holds telemetry's own entries."""

from __future__ import annotations

from typing import Any, Final

__all__ = ("CARRIER", "LOSSES", "ON_LOSS", "ON_LOSS_VALUES", "visible_meta")

CARRIER: Final = "_otel_context"
"""Where a job's metadata holds the trace's context: a flat mapping of text, as 0.8.0 reads it."""

LOSSES: Final = "_losses"
"""Where it holds how many workers have died while they had the job."""
ON_LOSS: Final = "on_worker_loss"
"""Where its owner says what is to become of it then."""
ON_LOSS_VALUES: Final = ("retry", "abort")
_HIDDEN = {CARRIER, LOSSES}


def visible_meta(meta: dict[str, Any] | None) -> dict[str, Any]:
    """Return what of a job's metadata is its owner's."""
    return {name: value for name, value in (meta or {}).items() if name not in _HIDDEN}
