"""Wake-ups that reach coroutines of any event loop, from any thread."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("Wakeups",)


class Wakeups:
    """Futures that are resolved together; it belongs to no loop, so a queue may be used from several."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    @contextmanager
    def next(self) -> Iterator[asyncio.Future[None]]:
        """Give a future that the next `wake` resolves.

        Look at the state after entering, then wait: what changes in between is not missed.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            yield future
        finally:
            self._waiting.discard(future)
            future.cancel()

    def wake(self) -> None:
        """Resolve every future that is waited for."""
        for future in tuple(self._waiting):
            try:
                future.get_loop().call_soon_threadsafe(_resolve, future)
            except RuntimeError:  # its loop is closed: nobody waits for it
                self._waiting.discard(future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
