"""The application's own set-up of OpenTelemetry's SDK, called in each process that uses it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from typing import Any, TypeAlias

__all__ = ("OtelSetup", "call_setup")

logger = logging.getLogger(__name__)

OtelSetup: TypeAlias = Callable[[], Any] | Callable[[Sequence[str]], Any]


def call_setup(setup: OtelSetup | str | None, queues: Sequence[str]) -> None:
    """Call it; one that fails is logged, and jobs run without telemetry.

    Args:
        setup: the function; it may take the names of the process' queues, or nothing.
        queues: the queues whose workers this process runs; none in a server.
    """
    if setup is None:
        return
    try:
        function: Any = resolve_name(setup) if isinstance(setup, str) else setup
        if _takes_queues(function):
            function(tuple(queues))
        else:
            function()
    except Exception as error:
        logger.exception("otel_setup failed, jobs run without telemetry: %s", type(error).__name__)


def _takes_queues(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(())
    except TypeError:
        return False
    return True
