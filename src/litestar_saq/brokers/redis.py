"""Redis and Valkey: SAQ's queue without its sweep of jobs that were only just fetched."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status
from saq.queue.base import logger
from saq.queue.redis import RedisQueue as SaqRedisQueue
from saq.utils import millis, now, now_seconds

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._aborts import Aborts
from litestar_saq.brokers._batches import MOST
from litestar_saq.brokers._call import without_command
from litestar_saq.brokers._leases import Leases
from litestar_saq.brokers._lost import LostJobs
from litestar_saq.brokers._overview import find_jobs, queue_info, text
from litestar_saq.brokers._redis_broker import RedisBroker
from litestar_saq.brokers._results import Results
from litestar_saq.brokers._sweeping import GRACE_S, is_overdue
from litestar_saq.brokers._turns import Enqueues, Turns
from litestar_saq.brokers._waiting import listen, map_jobs
from litestar_saq.brokers.base import QueueMixin
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import make_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from redis.asyncio import Redis
    from saq.job import Job as SaqJob
    from saq.types import ListenCallback, QueueInfo, WorkerInfo

    from litestar_saq.jobs import Job

__all__ = ("RedisQueue",)


FETCH_GRACE_S = GRACE_S
_CLEAN_EACH = 6
_SET_ASIDE_MOST = 1000
"""Of how many that can't be read the ids are kept."""


_Row = tuple[bytes, "Job | None", int]
"""The id of a job in the active list, the job, and for how many milliseconds it has been so."""


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
        self._told_of = 0
        self._enqueues = Enqueues(self)
        self._results = Results(self)
        self.leases = Leases(self)
        """Which workers live."""
        self._lost = LostJobs(self, self.leases)
        self.aborts = Aborts(self)
        """What was aborted while it ran."""
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
        manager: Any = getattr(self.redis.connection_pool, "sentinel_manager", None)
        for sentinel in manager.sentinels if manager is not None else ():
            await sentinel.aclose()

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:
        """Return what the queue holds and who works on it (SAQ's `Queue.info`)."""
        return await queue_info(self, offset, limit - 1 if jobs else -1)

    async def iter_jobs(self, statuses: list[Status] = list(Status), batch_size: int = 100) -> AsyncIterator[SaqJob]:  # noqa: B006 - SAQ's signature
        """Give the stored jobs of some states (SAQ's `Queue.iter_jobs`)."""
        async for job in find_jobs(self, batch_size):
            if job.status in statuses:
                yield job

    async def schedule(self, lock: int = 1) -> list[str]:
        """Queue what is due (SAQ's `Queue.schedule`); where nothing is, one command tells so.

        Args:
            lock: seconds for which nobody else does.

        Returns:
            The ids of the jobs.
        """
        redis = cast("Any", self.redis)
        if not await redis.zrangebyscore(self._incomplete, 1, now_seconds(), start=0, num=1):
            return []
        names = (self.namespace("schedule"), self._incomplete, self._queued)
        ids: list[bytes | str] = []
        while True:
            # Not all at once: a script keeps others waiting for as long as it runs.
            more = await redis.eval(scripts.SCHEDULE, 3, *names, 0 if ids else lock, now_seconds(), MOST)
            ids += more
            if len(more) < MOST:
                return [text(job_id) for job_id in ids]

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Give back what stuck or lost jobs hold (SAQ's `Queue.sweep`).

        Args:
            lock: seconds for which no other sweep of this queue begins.
            abort: seconds that a stuck job's worker gets to abort it.

        Returns:
            The ids of the jobs that were swept.
        """
        listed = await cast("Any", self.redis).eval(
            scripts.LIST_ACTIVE, 3, self._sweep, self._active, self.namespace("fetched"), max(1, int(lock))
        )
        rows: list[_Row] = []
        for job_id, payload, age_ms in listed:
            try:
                rows.append((job_id, self.deserialize(payload), age_ms))
            except UnreadableJobError as error:
                await self.set_aside(job_id, error)
        living, _ = await self.leases.workers() if rows else (frozenset(), None)
        swept = await self.sweep_all(rows, lambda row: self._sweep_row(row, living, abort))
        return [*(text(job_id) for job_id, _, _ in swept), *await self.aborts.sweep()]

    async def abort(self, job: SaqJob, error: str, ttl: float = 5) -> None:
        """Abort a job (SAQ's `Queue.abort`); one whose worker is gone before it has done so is ended by a sweep."""
        await self.aborts.note(job)
        with without_command():
            await super().abort(job, error, ttl)
        if job.status is not Status.ABORTING:
            await self.aborts.forget(job.id)

    async def taken_by(self, job_ids: Iterable[str]) -> dict[str, str]:
        """Return who took jobs that have no worker in what is stored of them, by the jobs' ids."""
        return await self._lost.takers(job_ids)

    async def recover(self, is_sure: Callable[[], bool] = lambda: True) -> list[str]:
        """Put back, or give up, the jobs of workers that have died, whatever their time-outs.

        A worker of ours counts as dead where it has given no sign of life for its `lease_s`; one of SAQ's never does.

        Args:
            is_sure: whether what is read of the leases means that; after an outage of the broker all are over.

        Returns:
            The ids of the jobs.
        """
        return await self._lost.recover(is_sure)

    async def recover_from(self, workers: frozenset[str]) -> list[str]:
        """Put back, or give up, the jobs of workers that are known to be gone; return their ids."""
        return await self._lost.recover_from(workers)

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
            return await map_jobs(
                self, self._results, job_or_func, each, poll_interval, return_exceptions=return_exceptions
            )

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
        await listen(self, self._results, list(job_keys), callback, timeout or None, poll_interval)

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

    def note(self, job: Job, held: bytes, complete: Callable[[], None]) -> None:
        """Write what `complete` adds to a running job, of which `held` is stored, unless it ends soon."""
        self.turns.note(job, held, complete)

    async def unbegin(self, job: SaqJob, held: bytes) -> None:
        """Put back a job that was taken and not run, to the front and with no attempt used up.

        Args:
            job: the job.
            held: what is stored of it; where that has changed, somebody else has it, and it stays as it is.
        """
        job.status, job.started, job.worker_id, job.attempts = Status.QUEUED, 0, None, job.attempts - 1
        await self.turns.tell(job, "back", held)

    async def _enqueue(self, job: SaqJob) -> Job | None:
        if not await self._enqueues.put(job):
            return None
        if logger.isEnabledFor(logging.INFO):
            logger.info("Enqueuing %s", job.info(logger.isEnabledFor(logging.DEBUG)))
        return cast("Job", job)

    async def _enqueue_batch(self, batch: list[Job]) -> list[Job | None]:
        taken = await self._enqueues.store_in_order(batch)
        logger.info("Enqueuing %d jobs in queue %s", sum(taken), self.name)
        return [job if one else None for job, one in zip(batch, taken, strict=True)]

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Write what a worker tells of itself (SAQ's `Queue.write_worker_info`); at times what is over goes."""
        key, stats = self.namespace(f"worker_info:{worker_id}"), self.namespace("stats")
        self._told_of = (self._told_of + 1) % _CLEAN_EACH
        async with self.redis.pipeline(transaction=False) as pipe:
            told = cast("Any", pipe).setex(key, ttl, json.dumps(info)).zadd(stats, {key: now() + millis(ttl)})
            if self._told_of == 1:
                told = told.zremrangebyscore(stats, 0, now()).expire(stats, ttl * _CLEAN_EACH * 2)
            with without_command():
                await told.execute()

    async def _sweep_row(self, row: _Row, living: frozenset[str], abort: float) -> bool:
        job_id, job, age_ms = row
        if job is None:
            await self._forget(job_id)
            logger.info("Sweeping missing job %s", text(job_id))
            return True
        if job.status == Status.QUEUED:
            return age_ms >= FETCH_GRACE_S * 1000 and await self._put_back(job, living)
        if job.status in {Status.ACTIVE, Status.ABORTING} and not is_overdue(job, age_ms / 1000, living):
            return False
        if job.status not in {Status.ACTIVE, Status.ABORTING}:
            # Finished between the listing and now, or by a worker that died half-way.
            if age_ms >= FETCH_GRACE_S * 1000:
                await self._forget(job_id)
                return True
            return False
        return await self.sweep_stuck(job, abort)

    async def _abort_swept(self, job: Job, error: str) -> bool:
        # SAQ's `abort` takes the job out of the active list, where no other sweep finds it if this one is cut off.
        found, job.status, job.error = job.status, Status.ABORTING, error
        return await self._replace(job, lambda stored: (stored.status, stored.touched) == (found, job.touched))

    async def _claim_swept(self, job: Job) -> bool:
        touched, job.touched = job.touched, now()
        given_up = {Status.ABORTING, Status.ABORTED}
        return await self._replace(job, lambda stored: stored.status in given_up and stored.touched == touched)

    async def _replace(self, job: Job, expected: Callable[[Job], bool]) -> bool:
        """Store a job in the place of the same attempt of it, where that is as expected; tell whether it was."""
        redis = cast("Any", self.redis)
        payload = await redis.get(job.id)
        stored = self.deserialize(payload)
        if stored is None or stored.attempts != job.attempts or not expected(stored):
            return False
        return bool(await redis.eval(scripts.REPLACE_SAME, 1, job.id, payload, self.serialize(job)))

    async def _put_back(self, job: Job, living: frozenset[str]) -> bool:
        if (await self._lost.takers([job.id])).get(job.id) in living:
            return False  # its event loop is busy
        released = await RedisBroker().put_back(self, job)
        if released:
            logger.info("Sweeping job that was fetched and never started %s", job.info())
        return released

    async def set_aside(self, job_id: bytes | str, error: UnreadableJobError) -> None:
        """Take what can't be read out of the queue, and tell of it; it stays under its key, its id in `unreadable`."""
        names = (self._active, self._incomplete, self.namespace("taken"), self.namespace("unreadable"))
        if await cast("Any", self.redis).eval(scripts.SET_ASIDE, len(names), *names, job_id, _SET_ASIDE_MOST):
            logger.error("Set aside %s: %s", text(job_id), error)

    async def _forget(self, job_id: bytes) -> None:
        async with self.redis.pipeline(transaction=True) as pipe:
            await cast("Any", pipe).lrem(self._active, 0, job_id).zrem(self._incomplete, job_id).execute()
