"""What comes up in one turn of the event loop is sent together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ("MOST", "Batches", "fail")

T = TypeVar("T")
R = TypeVar("R")

MOST = 500
"""Things in one round trip: a script or a statement keeps others waiting for as long as it runs."""


class Batches(Generic[T, R]):
    """Collects things, and sends those of one turn together.

    Args:
        send: sends some, and tells what became of them: in their order, as many at a time as it knows of at once.
            What is an error is raised where that one is waited for.
        at_once: how many batches are under way; what comes up then waits for one of them, and goes together.
    """

    def __init__(
        self,
        send: Callable[[list[T], Callable[[Sequence[R | Exception]], None]], Awaitable[None]],
        *,
        at_once: int,
    ) -> None:
        self._send = send
        self._at_once = at_once
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def put(self, thing: T) -> asyncio.Future[R]:
        """Send a thing with the others; return what will have become of it."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[R] = loop.create_future()
        if not self._waiting and len(self._under_way) < self._at_once:
            loop.call_soon(self._begin)
        self._waiting.append((thing, outcome))
        return outcome

    def _begin(self) -> None:
        while self._waiting and len(self._under_way) < self._at_once:
            part, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            task = asyncio.ensure_future(self._flush(part))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._waiting:
            self._begin()

    async def _flush(self, part: list[tuple[T, asyncio.Future[R]]]) -> None:
        waiting = iter([outcome for _, outcome in part])

        def tell(outcomes: Sequence[R | Exception]) -> None:
            for one in outcomes:
                outcome = next(waiting)
                if isinstance(one, Exception):
                    fail([outcome], one)
                elif not outcome.done():
                    outcome.set_result(one)

        try:
            await self._send([thing for thing, _ in part], tell)
            fail(list(waiting), RuntimeError("the broker did not tell what became of it"))
        except BaseException as error:  # noqa: BLE001 - it is those' who wait
            fail(list(waiting), error)


def fail(waiting: list[asyncio.Future[Any]], error: BaseException) -> None:
    """Tell an error to all who wait."""
    for future in waiting:
        if not future.done():
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)
                future.exception()  # not all of them are waited for
