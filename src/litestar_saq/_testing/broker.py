"""What the broker in memory adds to its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from saq.utils import now

from litestar_saq._testing.queue import InMemoryQueue
from litestar_saq.brokers.base import Broker, register_broker, same_attempt

if TYPE_CHECKING:
    from saq.job import Job as SaqJob
    from saq.queue.base import Queue

__all__ = ("MemoryBroker",)


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

    async def hold_lease(self, queue: Queue, name: str, owner: str, ttl_s: float) -> bool:
        """Take a lease, or keep it."""
        return cast("InMemoryQueue", queue).store.hold_lease(name, owner, ttl_s)

    async def oldest_job_s(self, queue: Queue) -> float | None:
        """Return how long the next job has been due."""
        ours = cast("InMemoryQueue", queue)
        job = ours.find(ours.store.queued[0]) if ours.store.queued else None
        return max(0.0, (now() - max(job.queued, job.scheduled * 1000)) / 1000) if job else 0.0

    async def forget_worker(self, queue: Queue, worker_id: str) -> None:
        """Remove what the worker has told of itself."""
        cast("InMemoryQueue", queue).store.forget_worker(worker_id)


register_broker(InMemoryQueue, MemoryBroker())
