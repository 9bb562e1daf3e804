"""Which workers of a queue in Redis live, by Redis' own clock.

saq:Q:lease:ID  ends by itself: the lease of a worker
saq:Q:leased    set: the workers that have, or had, one
saq:Q:slots     hash: how many jobs each of them runs at a time
saq:Q:taken     hash: of jobs that were taken and have no worker in what is stored of them, who took them
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from litestar_saq.brokers._overview import text
from litestar_saq.brokers._thread_client import thread_client
from litestar_saq.brokers.base import LEASE_S

if TYPE_CHECKING:
    from redis import Redis

    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("Leases", "RedisKeeper")


class Leases:
    """The leases of a queue's workers."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self.lease_s: float = LEASE_S
        self._leased, self._slots = queue.namespace("leased"), queue.namespace("slots")

    def name(self, worker_id: str) -> str:
        """Return the key of a worker's lease."""
        return self._queue.namespace(f"lease:{worker_id}")

    def keeper(self, worker_id: str, slots: int | None = None) -> RedisKeeper | None:
        """Return what keeps a worker's lease in a thread; None where the client is of a kind that has no like there."""
        client = thread_client(self._queue.redis)
        if client is None:
            return None
        keys = self.name(worker_id), self._leased, self._slots
        return RedisKeeper(client, keys, worker_id, self.lease_s, slots)

    async def hold(self, worker_id: str, slots: int | None = None) -> None:
        """Take or keep the lease of a worker that runs so many jobs at a time."""
        redis = cast("Any", self._queue.redis)
        async with redis.pipeline(transaction=True) as pipe:
            pipe.sadd(self._leased, worker_id).set(self.name(worker_id), 1, px=int(self.lease_s * 1000))
            if slots is not None:
                pipe.hset(self._slots, worker_id, slots)
            await pipe.execute()

    async def succeed(self, worker_id: str) -> bool:
        """Take the jobs of an earlier worker of this id from it, if its lease is over; tell whether it is."""
        if await cast("Any", self._queue.redis).exists(self.name(worker_id)):
            return False
        await self._queue.recover_from(frozenset({worker_id}))
        return True

    async def let_go(self, worker_id: str) -> None:
        """End the lease of a worker that has no jobs any more."""
        redis = cast("Any", self._queue.redis)
        async with redis.pipeline(transaction=True) as pipe:
            pipe.delete(self.name(worker_id)).srem(self._leased, worker_id).hdel(self._slots, worker_id)
            await pipe.execute()

    async def workers(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the workers that have a lease, and those whose lease is over."""
        redis = cast("Any", self._queue.redis)
        workers = [text(worker_id) for worker_id in await redis.smembers(self._leased)]
        held = await redis.mget([self.name(worker_id) for worker_id in workers]) if workers else ()
        living = frozenset(worker_id for worker_id, lease in zip(workers, held, strict=True) if lease is not None)
        return living, frozenset(workers) - living

    async def slots(self, workers: frozenset[str]) -> dict[str, int]:
        """Return how many jobs workers run at a time, of those that have told."""
        names = list(workers)
        found = await cast("Any", self._queue.redis).hmget(self._slots, names) if names else ()
        known = {name: text(slots) for name, slots in zip(names, found, strict=True) if slots is not None}
        return {name: int(slots) for name, slots in known.items() if slots.isdecimal()}

    async def forget(self, workers: frozenset[str]) -> None:
        """Forget workers whose jobs are dealt with; one that lives after all makes itself known again."""
        redis = cast("Any", self._queue.redis)
        async with redis.pipeline(transaction=True) as pipe:
            await pipe.srem(self._leased, *workers).hdel(self._slots, *workers).execute()


class RedisKeeper:
    """Keeps a lease over a connection of its own, whose commands block.

    Args:
        client: the client.
        keys: the lease's, that of the set of those who have one, and that of how many jobs each runs.
        worker_id: whose it is.
        lease_s: how long it lasts.
        slots: how many jobs it runs at a time; None where that is not told.
    """

    def __init__(
        self, client: Redis, keys: tuple[str, str, str], worker_id: str, lease_s: float, slots: int | None
    ) -> None:
        self._client: Any = client
        self._lease, self._leased, self._told = keys
        self._worker_id, self._slots = worker_id, slots
        self._lease_ms = int(lease_s * 1000)

    def hold(self) -> None:
        """Take or keep the lease."""
        try:
            self._hold()
        except BaseException:
            self.close()  # it may be another server's by now
            raise

    def _hold(self) -> None:
        if self._client.set(self._lease, 1, px=self._lease_ms, get=True) is None:
            # It is new, or was over, and then somebody may have forgotten us.
            self._client.sadd(self._leased, self._worker_id)
            if self._slots is not None:
                self._client.hset(self._told, self._worker_id, self._slots)

    def close(self) -> None:
        """Close the connection."""
        self._client.connection_pool.disconnect()
