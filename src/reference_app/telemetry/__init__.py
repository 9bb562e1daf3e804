"""OpenTelemetry in the reference app: what is exported, from where, and how requests are seen."""

from __future__ import annotations

from reference_app.telemetry.exports import wanted
from reference_app.telemetry.providers import set_up
from reference_app.telemetry.requests import current_trace_id, make_plugin

__all__ = ("current_trace_id", "make_plugin", "set_up", "wanted")
