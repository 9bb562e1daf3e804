"""A worker of which is known whether it has anything to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from litestar_saq.exceptions import UnknownFunctionError
from litestar_saq.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Collection

    from saq.job import Job as SaqJob

    from litestar_saq._testing.queue import InMemoryQueue

__all__ = ("ObservedWorker",)


class ObservedWorker(Worker):
    """Runs the jobs of a queue in memory, and tells when none is left."""

    SIGNALS: list[Any] = []  # noqa: RUF012 - SAQ's attribute; a test's loop keeps its own signal handlers

    def __init__(self, queue: InMemoryQueue, functions: Collection[Any], **options: Any) -> None:
        super().__init__(queue, functions, **options)
        self._memory = queue
        self._started = False
        self._busy: dict[asyncio.Task[Any] | None, SaqJob] = {}
        self._unknown: SaqJob | None = None

    async def wait_until_idle(self, running: asyncio.Task[None]) -> None:
        """Wait until nothing is queued, due or running, or the worker has ended by itself.

        Raises:
            UnknownFunctionError: where it fetched a job whose function it has not.
        """
        while not running.done():
            with self._memory.changes.next() as change:
                self._memory.promote()
                if self._unknown is not None:
                    raise UnknownFunctionError(self._unknown.function, self.queue.name, self.functions)
                if self._started and not self.left():
                    return
                await asyncio.wait([change, running], return_when=asyncio.FIRST_COMPLETED)

    def left(self) -> list[SaqJob]:
        """Return the jobs that are running or queued."""
        queued = [job for key in self._memory.store.queued if (job := self._memory.find(key))]
        return [*self._busy.values(), *queued]

    async def upkeep(self) -> list[asyncio.Task[None]]:
        self._started = True
        self._memory.changes.wake()
        return await super().upkeep()

    async def process(self) -> bool:
        try:
            return await super().process()
        finally:
            self._busy.pop(asyncio.current_task(), None)
            self._memory.changes.wake()

    async def _fetch(self) -> SaqJob | None:
        job = await super()._fetch()
        if job is not None:
            self._busy[asyncio.current_task()] = job
            if job.function not in self.functions:
                self._unknown = job
        return job
