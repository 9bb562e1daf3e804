"""A process whose clock is wrong: the one of the system is everybody's, and Linux has none for a process alone."""

from __future__ import annotations

import time

__all__ = ("skew",)


def skew(seconds: float) -> None:
    """Set this process' clock of the day ahead, or (negative) back; monotonic ones go on."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)
