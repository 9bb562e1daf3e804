"""Fetches a worker's jobs: can be told to end at any moment, and waits while the broker is away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, cast

from saq.utils import exponential_backoff

from litestar_saq.brokers.base import broker_of
from litestar_saq.exceptions import UnreadableJobError

if TYPE_CHECKING:
    from collections.abc import Callable

    from saq.job import Job
    from saq.queue.base import Queue

__all__ = ("Fetcher", "pause")

logger = logging.getLogger(__name__)

_BACKOFF_S = 0.1
_BACKOFF_LEAST_S = 0.05
_BACKOFF_MAX_S = 10.0
_BACKOFF_ATTEMPTS = 16
"""More than it takes to come to the longest pause; the power must not overflow."""


async def pause(seconds: float, ending: asyncio.Event) -> None:
    """Wait, or less where the end comes first."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ending.wait(), seconds)


class Fetcher:
    """Fetches jobs for the tasks of one worker.

    Args:
        queue: where they come from.
        dequeue_timeout_s: seconds to wait for a job; 0 waits until the worker ends.
        poll_interval_s: see `QueueConfig.poll_interval`.
        ending: returns the event that tells that the worker ends; SAQ makes a new one at each start.
    """

    def __init__(
        self, queue: Queue, dequeue_timeout_s: float, poll_interval_s: float, ending: Callable[[], asyncio.Event]
    ) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        """The tasks that wait for a job now."""
        self.block_s = broker_of(queue).fetch_block_s
        self._queue = queue
        self._timeout_s = dequeue_timeout_s
        self._poll_interval_s = poll_interval_s
        self._ending = ending
        self.away = False
        """Whether the broker could not be reached when it was asked last."""

    async def fetch(self) -> Job | None:
        """Return the next job; None where none came in time, or the worker ends."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.tasks.add(task)
        try:
            return await self._fetch_reachable()
        except asyncio.CancelledError:
            return None
        finally:
            self.tasks.discard(task)

    async def _fetch_reachable(self) -> Job | None:
        failures = 0
        while not self._ending().is_set():
            try:
                return await self._fetch_in_time()
            except UnreadableJobError as error:
                logger.error("%s", error)  # noqa: TRY400 - it says all; a sweep sets the job aside
            except Exception as error:  # noqa: BLE001 - logged, once an outage; a burst too waits for its broker
                failures = min(failures + 1, _BACKOFF_ATTEMPTS)
                await self._back_off(error, failures)
        return None

    async def _fetch_in_time(self) -> Job | None:
        deadline = time.monotonic() + self._timeout_s if self._timeout_s else None
        while not self._ending().is_set():
            left_s = deadline - time.monotonic() if deadline is not None else 0.0
            if deadline is not None and left_s <= 0:
                return None
            timeout_s = min(self.block_s, left_s or self.block_s) if self.block_s else left_s
            job = await self._queue.dequeue(timeout=timeout_s, poll_interval=self._poll_interval_s)
            if self.away:
                self.away = False
                logger.info("queue %r answers again", self._queue.name)
            if job is not None or not self.block_s:
                return job
        return None

    async def _back_off(self, error: Exception, failures: int) -> None:
        if not self.away:
            self.away = True
            logger.warning("queue %r can't be reached, trying again: %s", self._queue.name, type(error).__name__)
        delay_s = exponential_backoff(failures, _BACKOFF_S, _BACKOFF_MAX_S)
        await pause(max(_BACKOFF_LEAST_S, delay_s), self._ending())
