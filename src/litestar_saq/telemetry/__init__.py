"""Traces and logs of jobs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from litestar_saq.typing import OPENTELEMETRY_INSTALLED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar_saq.telemetry.tracing import JobTracing

__all__ = ("find_tracing",)


def find_tracing(enable: bool | None, tracer_name: str, plugins: Iterable[Any]) -> JobTracing | None:
    """Return what makes the spans of jobs, or None where there shall be none.

    Args:
        enable: True, False, or None for "where Litestar's OpenTelemetryPlugin is active".
        tracer_name: the tracer's name.
        plugins: the application's plugins, in any order; the provider of its OpenTelemetryPlugin is used.
    """
    if enable is False or not OPENTELEMETRY_INSTALLED:
        return None
    otel_plugin = _otel_plugin(plugins)
    if enable is None and otel_plugin is None:
        return None
    from litestar_saq.telemetry.tracing import JobTracing  # noqa: PLC0415 - needs the package of an extra

    config = getattr(otel_plugin, "config", None)
    return JobTracing(tracer_name, getattr(config, "tracer_provider", None))


def _otel_plugin(plugins: Iterable[Any]) -> Any:
    if find_spec("opentelemetry.instrumentation") is None:
        return None
    try:
        from litestar.plugins.opentelemetry import OpenTelemetryPlugin  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    return next((plugin for plugin in plugins if isinstance(plugin, OpenTelemetryPlugin)), None)
