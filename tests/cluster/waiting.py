"""Waiting for what happens in other processes."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("NotYetError", "until")

T = TypeVar("T")
POLL_S = 0.2


class NotYetError(AssertionError):
    """What was waited for did not happen in time."""


def until(look: Callable[[], T | None], what: str, within_s: float = 60.0) -> T:
    """Wait until a look finds something; return it.

    A look that fails by an assertion or an `OSError`, or whose command takes too long, has found nothing yet; its last
    reason is told in the end.
    """
    deadline = time.monotonic() + within_s
    while True:
        reason: Exception | None = None
        try:
            if found := look():
                return found
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            reason = error
        if time.monotonic() > deadline:
            raise NotYetError(f"{what}: not within {within_s:.0f} s; {reason or ''}") from reason
        time.sleep(POLL_S)
