"""How a script that measures ends before its time: by Ctrl-C or SIGTERM, with nothing written."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ("INTERRUPTED", "run", "tell")

INTERRUPTED = 130
"""The exit code."""
T = TypeVar("T")


def run(work: Coroutine[object, object, T]) -> T:
    """Run it to its end; whoever interrupts it leaves time for its children to be ended.

    Raises:
        SystemExit: where it was interrupted.
    """
    try:
        return asyncio.run(_cancelled_by_sigterm(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        tell()
        raise SystemExit(INTERRUPTED) from None


def tell() -> None:
    """Say that it was interrupted."""
    Console(stderr=True).print("Interrupted: nothing is written.")


async def _cancelled_by_sigterm(work: Coroutine[object, object, T]) -> T:
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
