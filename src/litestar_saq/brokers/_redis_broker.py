"""What Redis and Valkey add to SAQ's queue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, cast

from redis.exceptions import ClusterDownError, OutOfMemoryError, ReadOnlyError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from saq.queue.redis import RedisQueue as SaqRedisQueue
from saq.utils import now

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._advice import advice_on
from litestar_saq.brokers.base import Address, Broker, is_attempt, register_broker, same_attempt
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import mark_expected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saq.job import Job as SaqJob
    from saq.queue.base import Queue

__all__ = ("RedisBroker", "refusal")

_TOUCH_TRIES = 5
_REFUSALS = re.compile(r"(MISCONF|NOREPLICAS) |Error running script.* -(OOM|READONLY|MISCONF|NOREPLICAS) ", re.DOTALL)
"""How a server says that it writes nothing for now, where redis-py has no class for that; Redis 6.2 that of scripts."""


def refusal(error: BaseException) -> BaseException:
    """Return an error as one of `RedisBroker.unreachable` where it says that the server writes nothing for now."""
    if isinstance(error, ResponseError) and _REFUSALS.match(str(error)):
        return RedisConnectionError(str(error))
    return error


class RedisBroker(Broker):
    """Redis, Valkey, and whatever speaks their protocol."""

    name = "redis"
    # BLMOVE may have moved a job by the time that a cancellation arrives.
    fetch_block_s: ClassVar[float | None] = 1.0
    unreachable: ClassVar[tuple[type[Exception], ...]] = (
        *(OSError, RedisConnectionError, RedisTimeoutError),
        # It is full, a replica by now, or its cluster is incomplete.
        *(OutOfMemoryError, ReadOnlyError, ClusterDownError, TryAgainError),
    )

    def address(self, queue: Queue) -> Address | None:
        """Return the server's host and port, or its socket's path."""
        pool: Any = cast("SaqRedisQueue", queue).redis.connection_pool
        options = pool.connection_kwargs
        if (manager := getattr(pool, "sentinel_manager", None)) is not None:
            options = manager.sentinels[0].connection_pool.connection_kwargs
        if (finder := options.get("find_server")) is not None:
            return Address(*finder.servers[0])
        if path := options.get("path"):
            return Address(str(path), None)
        return Address(str(options.get("host", "localhost")), int(options.get("port", 6379)))

    async def touch(self, queue: Queue, job: SaqJob) -> bool:
        """Set the stored job's `touched`, unless somebody has written the job in between."""
        redis = cast("Any", cast("SaqRedisQueue", queue).redis)
        for _ in range(_TOUCH_TRIES):
            payload = await redis.get(job.id)
            stored = queue.deserialize(payload)
            if stored is None or not same_attempt(stored, job):
                return False
            stored.touched = now()
            if await redis.eval(scripts.REPLACE_SAME, 1, job.id, payload, queue.serialize(stored)):
                job.touched = stored.touched
                return True
        return True  # it is being written to at this moment, which is a sign of life too

    async def expect(self, queue: Queue, job: SaqJob, attempt: tuple[int, int]) -> bool:
        """Tell whether what is stored is this attempt; what is written next is written if nobody was faster."""
        payload = await cast("Any", cast("SaqRedisQueue", queue).redis).get(job.id)
        if not is_attempt(queue.deserialize(payload), attempt):
            return False
        mark_expected(job, payload.encode() if isinstance(payload, str) else payload)
        return True

    async def release(self, queue: Queue, job: SaqJob) -> None:
        """Move the job from the active list to the front of the queue, as it is stored."""
        await self.put_back(queue, job)

    async def hold_lease(self, queue: Queue, name: str, owner: str, ttl_s: float) -> bool:
        """Take a lease, or keep it: a key that expires."""
        redis = cast("Any", cast("SaqRedisQueue", queue).redis)
        key = cast("SaqRedisQueue", queue).namespace(name)
        return bool(await redis.eval(scripts.HOLD_LEASE, 1, key, owner, int(ttl_s * 1000)))

    async def advice(self, queue: Queue) -> list[str]:
        """Return what of the server's version, persistence and eviction is dangerous to jobs."""
        redis = cast("SaqRedisQueue", queue).redis
        if getattr(redis.connection_pool, "hold", None) is not None:
            return []  # an embedded one is as it is meant to be
        return await advice_on(redis)

    async def oldest_job_s(self, queue: Queue) -> float | None:
        """Return how long the first job of the list has been due."""
        ours = cast("SaqRedisQueue", queue)
        first = await cast("Any", ours.redis).lindex(ours.namespace("queued"), 0)
        try:
            job = queue.deserialize(await ours.redis.get(first)) if first else None
        except UnreadableJobError:  # who takes it tells of it
            job = None
        return max(0.0, (now() - max(job.queued, job.scheduled * 1000)) / 1000) if job else 0.0

    async def forget_worker(self, queue: Queue, worker_id: str) -> None:
        """Remove what the worker has told of itself."""
        ours = cast("SaqRedisQueue", queue)
        key = ours.namespace(f"worker_info:{worker_id}")
        async with ours.redis.pipeline(transaction=True) as pipe:
            await cast("Any", pipe).delete(key).zrem(ours.namespace("stats"), key).execute()

    async def put_back(self, queue: Queue, job: SaqJob) -> bool:
        """Release a job; tell whether it was there to be released."""
        ours = cast("SaqRedisQueue", queue)
        keys: Sequence[str] = (ours.namespace("active"), ours.namespace("queued"), ours.namespace("taken"))
        return bool(await cast("Any", ours.redis).eval(scripts.PUT_BACK, 3, *keys, job.id))


register_broker(SaqRedisQueue, RedisBroker())
