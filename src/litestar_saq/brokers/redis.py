"""Redis and Valkey: SAQ's queue without its sweep of jobs that were only just fetched."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from saq.job import TERMINAL_STATUSES, UNSUCCESSFUL_TERMINAL_STATUSES, Status
from saq.queue.base import JobError, logger
from saq.queue.redis import RedisQueue as SaqRedisQueue
from saq.utils import now, now_seconds

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._batches import MOST
from litestar_saq.brokers._results import Results
from litestar_saq.brokers._turns import Enqueues, Turns
from litestar_saq.brokers.base import Address, Broker, QueueMixin, register_broker, same_attempt
from litestar_saq.jobs import make_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis.asyncio import Redis
    from saq.job import Job as SaqJob
    from saq.queue.base import Queue
    from saq.types import ListenCallback

    from litestar_saq.jobs import Job

__all__ = ("RedisBroker", "RedisQueue")

FETCH_GRACE_S = 30.0
"""How long a job may be fetched and not running before it counts as lost by its worker."""
_TOUCH_TRIES = 5
_NET_S = 2.0
"""How often it is looked at least at jobs that are waited for, in case that nobody told of their end."""
_ENDED = {status.value for status in TERMINAL_STATUSES}


class RedisQueue(QueueMixin, SaqRedisQueue):
    """SAQ's Redis queue.

    It differs in its sweep: SAQ sweeps whatever it finds in the active list with another
    status than active, and so a job between its fetch and its start. Here such a job goes
    back to the queue, with no attempt used up, once it has stayed so for `FETCH_GRACE_S`.

    And in its retry: SAQ keeps the time for which a job was scheduled, and so queues a job of
    cron twice when it is retried at once. Here what is retried at once is scheduled no more.
    """

    def __init__(self, redis: Redis, name: str = "default", **options: Any) -> None:
        super().__init__(redis, name=name, **options)
        self._enqueues = Enqueues(self)
        self._results = Results(self)
        self.turns = Turns(self)
        """What is told of jobs, and asked for."""

    def __repr__(self) -> str:
        address = RedisBroker().address(self)
        where = f"{address.host}:{address.port}" if address and address.port else address.host if address else "?"
        return f"{type(self).__name__}<{where}, name={self.name!r}>"

    async def disconnect(self) -> None:
        """Close the connections; it needs none for it, so that it works while the server is away too."""
        # SAQ would connect to unsubscribe, also where nothing was subscribed.
        with suppress(*RedisBroker.unreachable):
            await self._results.close()
        with suppress(*RedisBroker.unreachable):
            if self._pubsub._daemon_task is not None:  # noqa: SLF001 - SAQ has no other way to tell
                await self._pubsub.close()
        await cast("Any", self._pubsub.pubsub).aclose()
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    async def schedule(self, lock: int = 1) -> list[str]:
        """Queue what is due (SAQ's `Queue.schedule`); where nothing is, one command tells so."""
        due = await cast("Any", self.redis).zrangebyscore(self._incomplete, 1, now_seconds(), start=0, num=1)
        return await super().schedule(lock) if due else []

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Give back what stuck or lost jobs hold (SAQ's `Queue.sweep`).

        Args:
            lock: seconds for which no other sweep of this queue begins.
            abort: seconds that a stuck job's worker gets to abort it.

        Returns:
            The ids of the jobs that were swept.
        """
        rows = await cast("Any", self.redis).eval(
            scripts.LIST_ACTIVE, 3, self._sweep, self._active, self.namespace("fetched"), max(1, int(lock))
        )
        return [
            _text(job_id) for job_id, payload, age_ms in rows if await self._sweep_row(job_id, payload, age_ms, abort)
        ]

    async def map(
        self,
        job_or_func: str | SaqJob,
        iter_kwargs: Sequence[dict[str, Any]],
        timeout: float | None = None,  # noqa: ASYNC109 - SAQ's signature
        return_exceptions: bool = False,
        poll_interval: float = 0.5,
        **kwargs: Any,
    ) -> list[Any]:
        """Enqueue jobs and wait for their results (SAQ's `Queue.map`), which are told of as they come.

        Args:
            job_or_func: the function's name, or a job.
            iter_kwargs: for each job what `enqueue` takes.
            timeout: seconds for all of it; None has no limit.
            return_exceptions: whether a job that failed is in the list, as a `JobError`.
            poll_interval: how often it is looked at what nobody told of; seconds, and two at least.
            **kwargs: what all jobs have in common.

        Returns:
            The results in the order of `iter_kwargs`.

        Raises:
            JobError: where a job failed, unless `return_exceptions`.
            TimeoutError: where it took longer.
        """
        each = [{"timeout": timeout, "key": kwargs.get("key", "") or make_key(), **kwargs, **kw} for kw in iter_kwargs]
        async with asyncio.timeout(timeout or None):
            async with self._results.watching(self.job_id(kw["key"]) for kw in each) as ended:
                enqueued = await asyncio.gather(*(self.enqueue(job_or_func, **kw) for kw in each))
                pending = dict.fromkeys(kw["key"] for kw in each)
                results: dict[str, Any] = {}
                # Of one that was there before, the end may have been told before, too.
                look = [kw["key"] for kw, job in zip(each, enqueued, strict=True) if job is None]
                while pending:
                    if look:
                        await self._collect(look, results, return_exceptions=return_exceptions)
                        for key in results:
                            pending.pop(key, None)
                    if pending:
                        look = await self._ended(ended, pending, max(poll_interval, _NET_S))
        return [results[kw["key"]] for kw in each]

    async def _ended(
        self, told: asyncio.Queue[tuple[str, str]], pending: dict[str, None], within_s: float
    ) -> list[str]:
        """Return the keys of jobs that ended; all that are pending where nothing was told for a while."""
        ids: set[str] = set()
        try:
            async with asyncio.timeout(within_s):
                while not ids or not told.empty():
                    job_id, status = await told.get()
                    if status in _ENDED:
                        ids.add(job_id)
        except TimeoutError:
            if not ids:
                return list(pending)
        return [key for key in map(self.job_key_from_id, ids) if key in pending]

    async def listen(
        self,
        job_keys: Iterable[str],
        callback: ListenCallback,
        timeout: float | None = 10,  # noqa: ASYNC109 - SAQ's signature
        poll_interval: float = 0.5,
    ) -> None:
        """Call back for what becomes of jobs (SAQ's `Queue.listen`), also for one that has ended before.

        Args:
            job_keys: the jobs.
            callback: called with a key and a status; where it returns true, this is over.
            timeout: seconds from one call to the next; None, and 0, have no limit.
            poll_interval: how often it is looked at what nobody told of; seconds, and two at least.

        Raises:
            TimeoutError: where nothing came for so long.
        """
        keys = list(job_keys)
        ended: set[str] = set()
        heard, look = time.monotonic(), True
        async with self._results.watching(map(self.job_id, keys)) as told:
            while keys:
                if look:
                    # Who looks and then listens would wait for good for what came in between.
                    for job in await self.jobs(keys):
                        if job is not None and job.status in TERMINAL_STATUSES and job.key not in ended:
                            ended.add(job.key)
                            if await _call(callback, job.key, job.status):
                                return
                left_s = heard + timeout - time.monotonic() if timeout else _NET_S
                if left_s <= 0:
                    raise TimeoutError(f"nothing was told of {', '.join(keys)} for {timeout} s")
                try:
                    async with asyncio.timeout(min(left_s, max(poll_interval, _NET_S))):
                        job_id, text = await told.get()
                except TimeoutError:
                    look = True
                    continue
                heard, look = time.monotonic(), False
                key, status = self.job_key_from_id(job_id), Status(text)
                if status in TERMINAL_STATUSES and key in ended:
                    continue
                (ended.add if status in TERMINAL_STATUSES else ended.discard)(key)
                if await _call(callback, key, status):
                    return

    async def _collect(self, keys: list[str], results: dict[str, Any], *, return_exceptions: bool) -> None:
        for key, job in zip(keys, await self.jobs(keys), strict=True):
            if job is None:
                results[key] = None
            elif job.status in UNSUCCESSFUL_TERMINAL_STATUSES:
                error = JobError(job)
                if not return_exceptions:
                    raise error
                results[key] = error
            elif job.status in TERMINAL_STATUSES:
                results[key] = job.result

    async def _update(self, job: SaqJob, status: Status | None = None, **kwargs: Any) -> None:
        if status is None:
            await super()._update(job, status, **kwargs)
            return
        job.status = status
        await self.turns.tell(job, "update")

    async def _finish(self, job: SaqJob, status: Status, *, result: Any = None, error: str | None = None) -> None:
        del status, result, error
        await self.turns.tell(job, "finish", str(int(job.ttl)))

    async def _retry(self, job: SaqJob, error: str | None) -> None:
        del error
        delay_s = job.next_retry_delay()
        due = repr(time.time() + delay_s) if delay_s else "0"
        await self.turns.tell(job, "retry", due)

    def note(self, job: Job, held: bytes) -> None:
        """Write what was added to a running job since `held` was stored, unless it ends soon."""
        self.turns.note(job, held)

    async def unbegin(self, job: SaqJob) -> None:
        """Put back a job that was taken and not run, with no attempt used up."""
        job.status, job.started, job.worker_id, job.attempts = Status.QUEUED, 0, None, job.attempts - 1
        await self.turns.tell(job, "retry", "0")

    async def _enqueue(self, job: SaqJob) -> Job | None:
        if not await self._enqueues.put(job):
            return None
        if logger.isEnabledFor(logging.INFO):
            logger.info("Enqueuing %s", job.info(logger.isEnabledFor(logging.DEBUG)))
        return cast("Job", job)

    async def _enqueue_batch(self, batch: list[Job]) -> list[Job | None]:
        stored: list[Job | None] = []
        under_way: asyncio.Task[list[bool]] | None = None
        try:
            # While the server stores some, the next ones are written.
            for part in (batch[i : i + MOST] for i in range(0, len(batch), MOST)):
                entries = [self._enqueues.entry(job) for job in part]
                before, under_way = under_way, asyncio.create_task(self._enqueues.store(entries))
                await asyncio.sleep(0)  # else it would begin when it is waited for
                if before is not None:
                    _add(stored, batch, await before)
            if under_way is not None:
                _add(stored, batch, await under_way)
        finally:
            if under_way is not None and not under_way.done():
                await asyncio.wait((under_way,))
        logger.info("Enqueuing %d jobs in queue %s", len(batch) - stored.count(None), self.name)
        return stored

    async def _sweep_row(self, job_id: bytes, payload: bytes | None, age_ms: int, abort: float) -> bool:
        job = self.deserialize(payload)
        if job is None:
            await self._forget(job_id)
            logger.info("Sweeping missing job %s", _text(job_id))
            return True
        if job.status == Status.QUEUED:
            return age_ms >= FETCH_GRACE_S * 1000 and await self._put_back(job)
        if job.status == Status.ACTIVE and not job.stuck:
            return False
        if job.status not in {Status.ACTIVE, Status.ABORTING}:
            # Finished between the listing and now, or by a worker that died half-way.
            if age_ms >= FETCH_GRACE_S * 1000:
                await self._forget(job_id)
                return True
            return False
        return await self.sweep_stuck(job, abort)

    async def _put_back(self, job: Job) -> bool:
        released = await RedisBroker().put_back(self, job)
        if released:
            logger.info("Sweeping job that was fetched and never started %s", job.info())
        return released

    async def _forget(self, job_id: bytes) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            await cast("Any", pipe).lrem(self._active, 0, job_id).zrem(self._incomplete, job_id).execute()


async def _call(callback: ListenCallback, key: str, status: Status) -> bool:
    found = callback(key, status)
    return bool(await found if isawaitable(found) else found)


def _add(stored: list[Job | None], batch: list[Job], taken: list[bool]) -> None:
    begin = len(stored)
    stored += [job if one else None for job, one in zip(batch[begin : begin + len(taken)], taken, strict=True)]


class RedisBroker(Broker):
    """Redis, Valkey, and whatever speaks their protocol."""

    name = "redis"
    # BLMOVE may have moved a job by the time that a cancellation arrives.
    fetch_block_s: ClassVar[float | None] = 1.0
    unreachable: ClassVar[tuple[type[Exception], ...]] = (OSError, RedisConnectionError, RedisTimeoutError)

    def address(self, queue: Queue) -> Address | None:
        """Return the server's host and port, or its socket's path."""
        options = cast("SaqRedisQueue", queue).redis.connection_pool.connection_kwargs
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

    async def release(self, queue: Queue, job: SaqJob) -> None:
        """Move the job from the active list to the front of the queue, as it is stored."""
        await self.put_back(queue, job)

    async def hold_lease(self, queue: Queue, name: str, owner: str, ttl_s: float) -> bool:
        """Take a lease, or keep it: a key that expires."""
        redis = cast("Any", cast("SaqRedisQueue", queue).redis)
        key = cast("SaqRedisQueue", queue).namespace(name)
        return bool(await redis.eval(scripts.HOLD_LEASE, 1, key, owner, int(ttl_s * 1000)))

    async def oldest_job_s(self, queue: Queue) -> float | None:
        """Return how long the first job of the list has been due."""
        ours = cast("SaqRedisQueue", queue)
        first = await cast("Any", ours.redis).lindex(ours.namespace("queued"), 0)
        job = queue.deserialize(await ours.redis.get(first)) if first else None
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
        keys: Sequence[str] = (ours.namespace("active"), ours.namespace("queued"))
        return bool(await cast("Any", ours.redis).eval(scripts.PUT_BACK, 2, *keys, job.id))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


register_broker(SaqRedisQueue, RedisBroker())
