"""Traces and logs of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar_saq.typing import OPENTELEMETRY_INSTALLED

if TYPE_CHECKING:
    from litestar_saq.telemetry.tracing import JobTracing

__all__ = ("find_tracing",)


def find_tracing(enable: bool | None, tracer_name: str, otel_plugin: Any) -> JobTracing | None:
    """Return what makes the spans of jobs, or None where there shall be none.

    Args:
        enable: True, False, or None for "where Litestar's OpenTelemetryPlugin is active".
        tracer_name: the tracer's name.
        otel_plugin: the application's OpenTelemetryPlugin, whose provider is used; None where it has none.
    """
    if enable is False or not OPENTELEMETRY_INSTALLED:
        return None
    if enable is None and otel_plugin is None:
        return None
    from litestar_saq.telemetry.tracing import JobTracing  # noqa: PLC0415 - needs the package of an extra

    config = getattr(otel_plugin, "config", None)
    return JobTracing(tracer_name, getattr(config, "tracer_provider", None))
