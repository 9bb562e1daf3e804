"""How an idle worker waits for the next job in Redis: in one command, out of which it is woken up when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import ResponseError

from litestar_saq.brokers._call import ask
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("NextJob",)

_BLOCK_S = 15.0
"""Seconds for which one command waits."""
_BLOCK_UNWAKED_S = 1.0
"""The same, where it can't be woken up."""
_ANSWER_S = 5.0
"""What such a command may take beyond that."""
_UNBLOCK_S = 1.0


class NextJob:
    """Waits for a job that comes to an empty queue.

    Args:
        queue: the queue.
        is_over: whether nobody waits any more.
    """

    def __init__(self, queue: RedisQueue, is_over: Callable[[], bool]) -> None:
        self._queue, self._is_over = queue, is_over
        self._client_id: int | None = None
        """By which who waits now is woken up."""
        self._may_wake = True
        self._has_waked = False

    async def wait(self) -> bytes | None:
        """Return the id of a job that came, moved to the active list; None where it is over."""
        # A connection, and no client around it, which may be of a class of the user's that does more at its end.
        pool = cast("Any", self._queue.redis).connection_pool
        connection = await pool.get_connection()
        try:
            if self._may_wake:
                self._client_id = await self._own_id(connection)
            names = (self._queue.namespace("queued"), self._queue.namespace("active"))
            block_s = _BLOCK_S if self._client_id is not None else _BLOCK_UNWAKED_S
            move = ("BLMOVE", *names, "LEFT", "RIGHT", block_s)
            while not self._is_over():
                job_id: bytes | None = await ask(connection, *move, timeout_s=block_s + _ANSWER_S)
                if job_id is not None:
                    return job_id
            return None
        finally:
            self._client_id = None
            await pool.release(connection)

    async def stop(self) -> None:
        """Wake up who waits; it is over by now."""
        if self._client_id is None:
            return
        with contextlib.suppress(Exception), quiet(self._queue):
            async with asyncio.timeout(_UNBLOCK_S):
                await cast("Any", self._queue.redis).client_unblock(self._client_id)

    async def _own_id(self, connection: Any) -> int | None:
        """Return by which id a connection is woken up; None to who is not allowed to do that."""
        try:
            client_id = int(await ask(connection, "CLIENT", "ID"))
            if not self._has_waked:
                await ask(connection, "CLIENT", "UNBLOCK", client_id)
                self._has_waked = True
        except ResponseError:
            self._may_wake = False
            return None
        return client_id
