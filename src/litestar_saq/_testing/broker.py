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

    async def forget_worker(self, queue: Queue, worker_id: str) -> None:
        """Remove what the worker has told of itself."""
        cast("InMemoryQueue", queue).store.forget_worker(worker_id)


register_broker(InMemoryQueue, MemoryBroker())
