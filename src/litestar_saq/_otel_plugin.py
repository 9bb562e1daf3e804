"""Litestar's own OpenTelemetry plugin in an application."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("find_otel_plugin",)


def find_otel_plugin(plugins: Iterable[Any]) -> Any:
    """Return the OpenTelemetryPlugin among an application's plugins, in any order; None where there is none."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.instrumentation") is None:
        return None
    try:
        from litestar.plugins.opentelemetry import OpenTelemetryPlugin  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    return next((plugin for plugin in plugins if isinstance(plugin, OpenTelemetryPlugin)), None)
