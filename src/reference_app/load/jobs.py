"""The jobs of the queue `load`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from litestar_saq import monitored_job

if TYPE_CHECKING:
    from saq.types import Context

__all__ = ("FlakyError", "HopelessError", "fail", "fail_at_first", "take_time")


class FlakyError(Exception):
    """The job fails now, and its next attempt may not."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class HopelessError(Exception):
    """The job fails whenever it is run."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@monitored_job()
async def take_time(_ctx: Context, *, seconds: float) -> float:
    """Wait."""
    await asyncio.sleep(seconds)
    return seconds


async def fail_at_first(ctx: Context, *, failures: int) -> int:
    """Fail at the first attempts.

    Raises:
        FlakyError: at so many of them.
    """
    attempt = int(cast("Any", ctx)["job"].attempts)
    if attempt <= failures:
        raise FlakyError
    return attempt


async def fail(_ctx: Context) -> None:
    """Fail.

    Raises:
        HopelessError: always.
    """
    raise HopelessError
