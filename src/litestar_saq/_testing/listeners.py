"""Who listens to which jobs' status."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from saq.job import Status
    from saq.types import ListenCallback

    from litestar_saq._testing.wakeups import Wakeups

__all__ = ("Listeners",)


class Listeners:
    """Gives each listener every status of its jobs, in order."""

    def __init__(self, changes: Wakeups) -> None:
        self._changes = changes
        self._events: dict[int, tuple[frozenset[str], deque[tuple[str, Status]]]] = {}

    def tell(self, job_key: str, status: Status) -> None:
        """Give a status to whom it may concern."""
        for keys, events in tuple(self._events.values()):
            if job_key in keys:
                events.append((job_key, status))

    async def listen(
        self, job_keys: frozenset[str], first: Iterable[tuple[str, Status]], callback: ListenCallback
    ) -> None:
        """Call back with the first statuses, then with each that is told, until a call returns something true."""
        events = deque(first)
        self._events[id(events)] = (job_keys, events)
        try:
            while True:
                with self._changes.next() as change:
                    while events:
                        stop: Any = callback(*events.popleft())
                        if await stop if asyncio.iscoroutine(stop) else stop:
                            return
                    await change
        finally:
            del self._events[id(events)]
