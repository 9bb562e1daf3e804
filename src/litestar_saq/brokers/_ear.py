"""Who waits for jobs of a Postgres queue is told of them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Identifier
from saq.queue.postgres import ENQUEUE, ListenMultiplexer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ("Ear",)

_CHANGE = "change"
_END_S = 2.0


class Ear(ListenMultiplexer):
    """SAQ's `ListenMultiplexer`, which counts what it hears.

    It begins with the first who waits, and goes on until it is closed: what comes while nobody waits, or while the
    server is about to listen, is counted too.
    """

    news = 0
    """How often there may have been new jobs."""

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        """Listen; yields what waits until there is news, or until `tell` is called.

        Raises:
            ConnectionError: of what is yielded, where the connection is lost or closed.
        """
        if self._daemon_task is not None and self._daemon_task.done():
            self._daemon_task = None
        told: asyncio.Queue[Any] = await self.subscribe(_CHANGE)
        listening = self._daemon_task

        async def change() -> None:
            if listening is None or listening.done() or listening is not self._daemon_task:
                raise ConnectionError("nobody listens for jobs any more") from _error_of(listening)
            await told.get()

        try:
            yield change
        finally:
            await self.unsubscribe(told)

    def tell(self) -> None:
        """Wake all that wait here."""
        self.publish(_CHANGE, _CHANGE)

    async def unsubscribe(self, queue: asyncio.Queue[Any]) -> None:
        """End a subscription; the connection stays."""
        for channel in self._queues.pop(queue, ()):
            self._subscriptions[channel].discard(queue)

    async def close(self) -> None:
        """End it, and tell those that wait. A server that hangs is not waited for."""
        listening = self._daemon_task
        await super().close()
        if listening is not None:
            await asyncio.wait({listening}, timeout=_END_S)

    async def _close(self) -> None:
        self.tell()

    async def _start(self) -> None:
        try:
            async with self.pool.connection() as connection:
                await connection.execute(SQL("LISTEN {}").format(Identifier(self.key)))
                self._hear()  # what came before that was told to nobody
                async for told in connection.notifies():
                    if told.payload == ENQUEUE:
                        self._hear()
        finally:
            self.tell()

    def _hear(self) -> None:
        self.news += 1
        self.tell()


def _error_of(task: asyncio.Task[Any] | None) -> BaseException | None:
    return task.exception() if task is not None and task.done() and not task.cancelled() else None
