"""Which telemetry a queue has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saq.queue.base import Queue

    from litestar_saq.telemetry.queue_telemetry import QueueTelemetry

__all__ = ("attach_telemetry", "detach_telemetry", "is_decided", "silence", "telemetry_of")

_ATTRIBUTE = "_litestar_saq_telemetry"


def telemetry_of(queue: Queue) -> QueueTelemetry | None:
    """Return a queue's telemetry; None where it has none, or was silenced."""
    return vars(queue).get(_ATTRIBUTE)


def is_decided(queue: Queue) -> bool:
    """Tell whether somebody has given the queue telemetry, or silenced it."""
    return _ATTRIBUTE in vars(queue)


def attach_telemetry(queue: Queue, telemetry: QueueTelemetry) -> None:
    """Give a queue its telemetry, in place of what it had."""
    vars(queue)[_ATTRIBUTE] = telemetry


def detach_telemetry(queue: Queue) -> None:
    """Take a queue's telemetry from it, as if it had never had any."""
    vars(queue).pop(_ATTRIBUTE, None)


def silence(queue: Queue) -> None:
    """Take a queue's telemetry from it, for good: nobody who instruments every queue gives it back."""
    vars(queue)[_ATTRIBUTE] = None
