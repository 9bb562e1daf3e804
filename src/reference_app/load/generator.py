"""Sends files to the API, and jobs to the queue `load`."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from saq.queue.base import Queue

    from reference_app.load.settings import LoadSettings

__all__ = ("Generator",)

logger = logging.getLogger(__name__)

_TELL_EVERY_S = 10.0
_RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": 0.5, "retry_backoff": True}


class Generator:
    """Makes the load.

    Args:
        settings: how much of it.
        queue: the queue `load`.
        http: a client of the API.
    """

    def __init__(self, settings: LoadSettings, queue: Queue, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._queue = queue
        self._http = http
        self._chance = random.Random()  # noqa: S311 - a load, no secret
        self._away = False
        self.sent: Counter[str] = Counter()
        """How many were sent, by kind."""
        self._kinds: dict[str, tuple[int, Callable[[], Awaitable[object]]]] = {
            "report": (4, self._send_file),
            "quick": (8, lambda: self._enqueue("take_time", seconds=self._chance.uniform(0, 0.2))),
            "slow": (2, lambda: self._enqueue("take_time", seconds=self._chance.uniform(1, 8))),
            "late": (2, lambda: self._enqueue("take_time", seconds=0.1, scheduled=int(time.time()) + 5)),
            "retried": (2, lambda: self._enqueue("fail_at_first", failures=self._chance.randint(1, 2), **_RETRIES)),
            "failing": (1, lambda: self._enqueue("fail", retries=2, retry_delay=0.5)),
        }

    async def run(self, ending: asyncio.Event) -> None:
        """Send until the end."""
        names = list(self._kinds)
        weights = [self._kinds[name][0] for name in names]
        telling = time.monotonic() + _TELL_EVERY_S
        sending: set[asyncio.Task[None]] = set()
        while not ending.is_set():
            (kind,) = self._chance.choices(names, weights)
            task = asyncio.create_task(self._send(kind))
            sending.add(task)
            task.add_done_callback(sending.discard)
            if time.monotonic() > telling:
                telling += _TELL_EVERY_S
                logger.info("sent so far: %s", dict(self.sent))
            try:
                await asyncio.wait_for(ending.wait(), self._chance.expovariate(self._settings.rate))
            except TimeoutError:
                continue
        if sending:
            await asyncio.wait(sending, timeout=5)
        logger.info("sent: %s", dict(self.sent))

    async def _send(self, kind: str) -> None:
        try:
            await self._kinds[kind][1]()
        except (httpx.HTTPError, RedisError, OSError) as error:
            # Once an outage: the load is for looking at what an outage does, among other things.
            if not self._away:
                logger.warning("what is sent does not arrive: %s", type(error).__name__)
            self._away = True
        else:
            self._away = False
            self.sent[kind] += 1

    async def _enqueue(self, function: str, **options: Any) -> None:
        await self._queue.enqueue(function, timeout=60, heartbeat=15, ttl=600, **options)

    async def _send_file(self) -> None:
        rows = range(self._chance.randint(1, self._settings.rows))
        lines = [f"{self._chance.choice('abcdef')},{self._chance.gauss(50, 10):.2f},{row}" for row in rows]
        answer = await self._http.post(
            "/reports", content="\n".join(["group,size,number", *lines]), headers={"Content-Type": "text/csv"}
        )
        answer.raise_for_status()
