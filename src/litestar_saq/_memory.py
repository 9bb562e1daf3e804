"""SAQ's queue in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, cast

from litestar.serialization import decode_json
from saq.job import TERMINAL_STATUSES, Status
from saq.utils import now

from litestar_saq._memory_store import MemoryStore
from litestar_saq._signals import Wakeups
from litestar_saq.brokers.base import Broker, QueueMixin, register_broker, same_attempt
from litestar_saq.config import serializer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from saq.job import Job as SaqJob
    from saq.queue.base import Queue
    from saq.types import CountKind, DumpType, ListenCallback, LoadType, QueueInfo, WorkerInfo

    from litestar_saq.jobs import Job

__all__ = ("InMemoryQueue", "MemoryBroker")

logger = logging.getLogger("saq")


class InMemoryQueue(QueueMixin):
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
        super().__init__(name, dump or serializer, load or decode_json, swept_error_message)
        self.enqueued: list[Job] = []
        self.finished: list[Job] = []
        self.store = MemoryStore()
        self.changes = Wakeups()
        self._listeners: list[tuple[frozenset[str], deque[tuple[str, Status]]]] = []

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
        incomplete = self.store.incomplete
        due = sorted((at, key) for key, at in incomplete.items() if at and (not job_keys or key in job_keys))
        for rank, (_, key) in enumerate(due, start=1):
            incomplete[key] = rank  # seconds of 1970: long due, and still in order
        self.promote()
        return [job for _, key in due if (job := self.find(key))]

    def promote(self) -> list[str]:
        """Queue the scheduled jobs whose time has come; return their keys."""
        if keys := self.store.promote():
            self.changes.wake()
        return keys

    def find(self, job_key: str) -> Job | None:
        """Return a job (`job` without waiting)."""
        return self.deserialize(self.store.get(job_key))

    async def disconnect(self) -> None:
        """Do nothing: the jobs stay for the test to look at."""

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:
        """Return the queue's state, and up to `limit` of its incomplete jobs."""
        waiting = sorted(self.store.incomplete.items(), key=lambda item: item[1])
        keys = dict.fromkeys([*self.store.active, *self.store.queued, *(key for key, _ in waiting)])
        shown = [job for key in keys if (job := self.find(key))] if jobs else []
        queued, active, incomplete = [await self.count(kind) for kind in ("queued", "active", "incomplete")]
        return {
            "workers": {worker_id: json.loads(info) for worker_id, info in self.store.workers().items()},
            "name": self.name,
            "queued": queued,
            "active": active,
            "scheduled": incomplete - queued - active,
            "jobs": [job.to_dict() for job in shown[offset : offset + limit]],
        }

    async def count(self, kind: CountKind) -> int:
        """Return how many jobs are queued, active or incomplete (scheduled ones included).

        Raises:
            ValueError: where it is another kind.
        """
        kinds = {"queued": self.store.queued, "active": self.store.active, "incomplete": self.store.incomplete}
        if kind not in kinds:
            raise ValueError(f"jobs can't be counted by {kind!r}: give one of {', '.join(kinds)}")
        return len(kinds[kind])

    async def job(self, job_key: str) -> Job | None:
        """Return a job by its key."""
        return self.find(job_key)

    async def jobs(self, job_keys: Iterable[str]) -> list[SaqJob | None]:
        """Return jobs by their keys, None for each that is not there."""
        return [self.find(key) for key in job_keys]

    async def iter_jobs(  # type: ignore[override]
        self, statuses: list[Status] | None = None, batch_size: int = 100
    ) -> AsyncIterator[SaqJob]:
        """Yield the jobs of these statuses (all by default)."""
        del batch_size
        for key in self.store.keys():
            job = self.find(key)
            if job and (statuses is None or job.status in statuses):
                yield job

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
                await self._sweep_stuck(job, abort)
            else:
                continue
            swept.append(key)
        return swept

    async def _sweep_stuck(self, job: Job, abort: float) -> None:
        logger.info("Sweeping job %s", job.info())
        await self.abort(job, error=self.swept_error_message)
        try:
            await job.refresh(abort)
        except (TimeoutError, RuntimeError) as error:
            logger.info("Could not abort job %s: %s", job.id, type(error).__name__)
        if job.retryable:
            await self.retry(job, error=self.swept_error_message)
        else:
            await self.finish(job, Status.ABORTED, error=self.swept_error_message)

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

    async def finish_abort(self, job: SaqJob) -> None:
        """Finish a job that its worker has aborted."""
        self.store.end_abort(job.key)
        await super().finish_abort(job)

    async def notify(self, job: SaqJob) -> None:
        """Tell who listens, and who waits for the queue, about a job's status."""
        for keys, events in tuple(self._listeners):
            if job.key in keys:
                events.append((job.key, job.status))
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
        if not keys:
            return
        events = deque((job.key, job.status) for job in await self.jobs(keys) if job)
        listener = (keys, events)
        self._listeners.append(listener)
        try:
            async with asyncio.timeout(timeout or None):
                await self._listen(events, callback)
        finally:
            self._listeners[:] = [other for other in self._listeners if other is not listener]

    async def _listen(self, events: deque[tuple[str, Status]], callback: ListenCallback) -> None:
        while True:
            with self.changes.next() as change:
                while events:
                    stop: Any = callback(*events.popleft())
                    if await stop if asyncio.iscoroutine(stop) else stop:
                        return
                await change

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Keep what a worker tells about itself for `ttl` seconds."""
        self.store.set_worker(worker_id, json.dumps(info), ttl)

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
        payload = self.serialize(job)
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
        self.store.finish(job.key, payload, job.ttl)
        self.finished.append(cast("Job", self.deserialize(payload)))
        await self.notify(job)


class MemoryBroker(Broker):
    """A queue in memory."""

    name: ClassVar[str] = "memory"
    fetch_block_s: ClassVar[float | None] = None

    async def touch(self, queue: Queue, job: SaqJob) -> bool:
        """Set the stored job's `touched`."""
        ours = cast("InMemoryQueue", queue)
        stored = ours.find(job.key)
        if stored is None or not same_attempt(stored, job):
            return False
        job.touched = stored.touched = now()
        ours.store.replace(job.key, ours.serialize(stored))
        return True

    async def release(self, queue: Queue, job: SaqJob) -> None:
        """Move the job to the front of the queue, as it is stored."""
        ours = cast("InMemoryQueue", queue)
        if ours.store.put_back(job.key):
            ours.changes.wake()


register_broker(InMemoryQueue, MemoryBroker())
