"""Waits for what is published of jobs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from litestar_saq.brokers._overview import text
from litestar_saq.brokers._redis_broker import RedisBroker
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("Results",)

_AGAIN_S = 0.5


class Results:
    """One connection by which all who wait for jobs of a queue are told of them.

    A channel of its own for each job: SAQ's listener gets what is published of every job of the queue.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._pubsub: Any = None
        self._watched: dict[str, list[asyncio.Queue[tuple[str, str]]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def watching(self, job_ids: Iterable[str]) -> AsyncIterator[asyncio.Queue[tuple[str, str]]]:
        """Give a queue of what is told of these jobs inside: the id and a status each time."""
        told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        ids = set(job_ids)
        with quiet(self._queue):
            try:
                await self._add(ids, told)
                yield told
            finally:
                await self._remove(ids, told)

    async def close(self) -> None:
        """End the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))
            self._reading = None
        if self._pubsub is not None:
            await self._pubsub.aclose()
            self._pubsub = None

    async def _add(self, ids: set[str], told: asyncio.Queue[tuple[str, str]]) -> None:
        new = [job_id for job_id in ids if job_id not in self._watched]
        for job_id in ids:
            self._watched.setdefault(job_id, []).append(told)
        if new or self._pubsub is None:
            try:
                await self._subscribe(new)
            except RedisBroker.unreachable:
                # Its connection may have been cut while nobody waited: a new one has all that is watched.
                if self._pubsub is not None:
                    await self._pubsub.aclose()
                    self._pubsub = None
                await self._subscribe(self._watched)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())

    async def _subscribe(self, ids: Iterable[str]) -> None:
        if self._pubsub is None:
            self._pubsub = self._queue.redis.pubsub()
        await self._pubsub.subscribe(*ids)

    async def _remove(self, ids: set[str], told: asyncio.Queue[tuple[str, str]]) -> None:
        gone = []
        for job_id in ids:
            waiting = self._watched[job_id]
            waiting.remove(told)
            if not waiting:
                del self._watched[job_id]
                gone.append(job_id)
        if gone and self._pubsub is not None:
            with contextlib.suppress(Exception):  # a broker that is away forgets them by itself
                await self._pubsub.unsubscribe(*gone)

    async def _read(self) -> None:
        while self._watched:
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=_AGAIN_S)
            except Exception:  # noqa: BLE001 - the client connects again by itself, and there is the net
                await asyncio.sleep(_AGAIN_S)
                continue
            if message is None or message["type"] != "message":
                continue
            job_id, status = text(message["channel"]), text(message["data"])
            for told in self._watched.get(job_id, ()):
                told.put_nowait((job_id, status))
