"""Exports what was recorded, within a time-out that holds."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from litestar_saq.telemetry.semconv import error_type

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("flush",)

logger = logging.getLogger(__name__)


def flush(providers: Iterable[Any], timeout_s: float) -> bool:
    """Flush providers, and the global one of logs, side by side.

    They are not shut down: they belong to the application. Each gets a thread, because the SDK's own time-outs do
    not hold while an exporter waits for a collector that hangs.

    Returns:
        Whether all ended in time.
    """
    wanted = {id(provider): provider for provider in (*providers, _log_provider())}
    flushes = [flush for p in wanted.values() if callable(flush := getattr(p, "force_flush", None))]
    threads = [
        threading.Thread(target=_flush, args=(one, timeout_s), name="telemetry-flush", daemon=True) for one in flushes
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    in_time = not any(thread.is_alive() for thread in threads)
    if not in_time:
        logger.warning("telemetry was not exported within %.1f s, what is left of it is lost", timeout_s)
    return in_time


def _flush(one: Any, timeout_s: float) -> None:
    try:
        one(int(timeout_s * 1000))
    except Exception as error:  # noqa: BLE001 - a foreign exporter may raise anything; the process ends all the same
        logger.warning("telemetry could not be exported: %s", error_type(error))


def _log_provider() -> Any:
    from opentelemetry._logs import get_logger_provider  # noqa: PLC0415 - not stable yet

    return get_logger_provider()
