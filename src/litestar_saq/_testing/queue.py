"""SAQ's queue in memory."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from saq.job import TERMINAL_STATUSES, Status

from litestar_saq._testing.listeners import Listeners
from litestar_saq._testing.stored_jobs import StoredJobs
from litestar_saq._testing.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from saq.job import Job as SaqJob
    from saq.types import DumpType, ListenCallback, LoadType

    from litestar_saq.jobs import Job

__all__ = ("InMemoryQueue",)

logger = logging.getLogger("saq")


class InMemoryQueue(StoredJobs):
    """A queue that keeps its jobs in this process, for tests.

    It behaves as SAQ's queue on Redis does, and stores what `dump` makes of a job, so that
    arguments and results that could not be stored there fail here as well. It knows no
    `priority` and no `group_key`. It may be used from several threads and event loops.

    Args:
        name: the queue's name.
        dump: writes jobs; the default is that of `SAQConfig.json_serializer`.
        load: reads jobs; the default is that of `SAQConfig.json_deserializer`.
        swept_error_message: the error of a job that was swept.

    Attributes:
        enqueued: every job that was accepted, as it was then, in order; retries are not in it.
        finished: every job that came to its end, as it was then, in order.
    """

    def __init__(
        self,
        name: str = "default",
        *,
        dump: DumpType | None = None,
        load: LoadType | None = None,
        swept_error_message: str | None = None,
    ) -> None:
        super().__init__(name, dump, load, swept_error_message)
        self.enqueued: list[Job] = []
        self.finished: list[Job] = []
        self.changes = Wakeups()
        self._listeners = Listeners(self.changes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}<name={self.name!r}>"

    def clear(self) -> None:
        """Forget every job, worker and record."""
        self.store.clear()
        self.enqueued.clear()
        self.finished.clear()

    def make_due(self, *job_keys: str) -> list[Job]:
        """Queue jobs that are scheduled for later, as if their time had come.

        Args:
            job_keys: the jobs' keys; none stands for all that are scheduled.

        Returns:
            The jobs that are queued by this, the earliest first.
        """
        keys = self.store.make_due(job_keys)
        self.changes.wake()
        return [job for key in keys if (job := self.find(key))]

    def promote(self) -> list[str]:
        """Queue the scheduled jobs whose time has come; return their keys."""
        if keys := self.store.promote():
            self.changes.wake()
        return keys

    async def disconnect(self) -> None:
        """Do nothing: the jobs stay for the test to look at."""

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> Job | None:  # noqa: ASYNC109 - SAQ's signature
        """Take the next job, waiting up to `timeout` seconds for one (0: for ever).

        A job is only taken where it is also returned, so this may be cancelled at any moment.
        """
        del poll_interval
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            with self.changes.next() as change:
                if (key := self.store.take()) is not None:
                    self.changes.wake()
                    return self.find(key)
                left = deadline - loop.time() if timeout else None
                if left is not None and left <= 0:
                    return None
                await asyncio.wait([change], timeout=left)

    async def schedule(self, _lock: int = 1) -> list[str]:
        """Queue the scheduled jobs that are due; return their keys."""
        return self.promote()

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Abort running jobs that are stuck, then retry or finish them (SAQ's `Queue.sweep`).

        Args:
            lock: not used: each call sweeps.
            abort: seconds that a job's worker gets to abort it.

        Returns:
            The keys of the jobs that were swept.
        """
        del lock
        swept = []
        for key in tuple(self.store.active):
            job = self.find(key)
            if job is None:
                self.store.forget(key)
            elif job.stuck:
                await self.sweep_stuck(job, abort)
            else:
                continue
            swept.append(key)
        return swept

    async def abort(self, job: SaqJob, error: str, ttl: float = 5) -> None:
        """Abort a job: at once where it waits, else by its worker. A finished job stays as it is."""
        stored = self.find(job.key)
        if stored is None or stored.status in TERMINAL_STATUSES:
            return
        job.status = stored.status = Status.ABORTING
        job.error = stored.error = error
        waiting = self.store.begin_abort(job.key, self.serialize(stored), ttl)
        await self.notify(job)
        if waiting:
            await self.finish(job, Status.ABORTED, error=error)

    async def notify(self, job: SaqJob) -> None:
        """Tell who listens, and who waits for the queue, about a job's status."""
        self._listeners.tell(job.key, job.status)
        self.changes.wake()

    async def listen(
        self,
        job_keys: Iterable[str],
        callback: ListenCallback,
        timeout: float | None = 10,  # noqa: ASYNC109 - SAQ's signature
        poll_interval: float = 0.5,
    ) -> None:
        """Call back with each job's status now and at each change, until a call returns something true.

        Raises:
            TimeoutError: after `timeout` seconds; None and 0 wait for ever.
        """
        del poll_interval
        keys = frozenset(job_keys)
        if keys:
            first = [(job.key, job.status) for job in await self.jobs(keys) if job]
            async with asyncio.timeout(timeout or None):
                await self._listeners.listen(keys, first, callback)

    async def _update(self, job: SaqJob, status: Status | None = None, **kwargs: Any) -> None:
        del kwargs
        stored = self.find(job.key)
        if stored is None:
            return
        ending = stored.status in TERMINAL_STATUSES or (stored.status, status) == (Status.ABORTING, Status.ACTIVE)
        job.status = stored.status if ending else status or stored.status
        self.store.replace(job.key, self.serialize(job))
        await self.notify(job)

    async def _enqueue(self, job: SaqJob) -> SaqJob | None:
        payload = self.serialize_new(job)
        record = cast("Job", self.deserialize(payload))
        if not self.store.add(job.key, payload, job.scheduled):
            return None
        self.enqueued.append(record)
        self.changes.wake()
        logger.info("Enqueuing %s", job.info(logger.isEnabledFor(logging.DEBUG)))
        return job

    async def _retry(self, job: SaqJob, error: str | None) -> None:
        del error
        delay = job.next_retry_delay()
        self.store.end_abort(job.key)
        self.store.requeue(job.key, self.serialize(job), self.store.clock() + delay if delay else 0)
        await self.notify(job)

    async def _finish(self, job: SaqJob, status: Status, *, result: Any = None, error: str | None = None) -> None:
        del status, result, error
        payload = self.serialize(job)
        if self.store.finish(job.key, payload, job.ttl):
            self.finished.append(cast("Job", self.deserialize(payload)))
        await self.notify(job)
