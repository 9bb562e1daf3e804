"""What a worker does when Redis answers again: see that it takes what is written, and put back what it gave unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import OutOfMemoryError
from saq.job import Status

from litestar_saq.brokers._overview import text
from litestar_saq.brokers.base import broker_of
from litestar_saq.exceptions import UnreadableJobError

if TYPE_CHECKING:
    from saq.job import Job

    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.worker import Worker

__all__ = ("probe", "put_back", "reclaim")


async def probe(queue: RedisQueue) -> bool:
    """Return whether the server takes whatever we do; not where it is full, and there are jobs whose end makes room.

    Raises:
        RedisError: where it does not answer, or takes nothing.
    """
    redis, key = cast("Any", queue.redis), queue.namespace("probe")
    try:
        await redis.set(key, 1, px=1)
    except OutOfMemoryError:
        if not await redis.llen(queue.namespace("queued")):
            raise
        await redis.hdel(key, "jobs")  # a full one takes that, and the end of jobs
        return False
    return True


async def put_back(queue: RedisQueue, job: Job, begun: bytes | None) -> None:
    """Put back a job that did not run.

    Args:
        queue: where it goes.
        job: the job.
        begun: what is stored of it where it was marked as active.
    """
    if begun is not None:
        await queue.unbegin(job, begun)
    else:
        await broker_of(queue).release(queue, job)


async def reclaim(queue: RedisQueue, worker: Worker, adopted: set[str]) -> None:
    """Put back the jobs that are a worker's by what is written, and that do not run.

    Args:
        queue: whose jobs.
        worker: the worker.
        adopted: ids of jobs that it has moved to the active list itself; those that are dealt with are taken out.
    """
    redis = cast("Any", queue.redis)
    ids = await redis.lrange(queue.namespace("active"), 0, -1)
    payloads = await redis.mget(ids) if ids else ()
    takers = await queue.taken_by(map(text, ids))
    known = set(adopted)
    for job_id, payload in zip(ids, payloads, strict=True):
        try:
            job = queue.deserialize(payload)
        except UnreadableJobError:  # a sweep deals with it
            continue
        if job is None or job in worker.held or job in worker.unwritten:
            continue
        took = takers.get(text(job_id))
        if job.status is Status.QUEUED and (took == worker.id or (took is None and text(job_id) in known)):
            await put_back(queue, job, None)
        elif job.status is Status.ACTIVE and job.worker_id == worker.id:
            await put_back(queue, job, payload)
    adopted -= known
