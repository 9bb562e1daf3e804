"""Gets a worker's jobs from Redis: as many as it has slots free, in one round trip with what is told of others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import ResponseError
from saq.job import Status
from saq.utils import exponential_backoff

from litestar_saq._fetcher import pause
from litestar_saq._run import JobRun
from litestar_saq.brokers._call import ask
from litestar_saq.brokers._turns import Demand
from litestar_saq.brokers.base import broker_of
from litestar_saq.jobs import mark_begun
from litestar_saq.telemetry import quiet, received

if TYPE_CHECKING:
    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.worker import Worker

__all__ = ("Dispatcher",)

logger = logging.getLogger(__name__)

_BLOCK_S = 5.0
"""Seconds for which an idle worker waits in one command; it is woken up when the worker ends."""
_BLOCK_UNWAKED_S = 1.0
"""The same, where it can't be woken up."""
_BACKOFF_S = 0.1
_BACKOFF_LEAST_S = 0.05
_BACKOFF_MAX_S = 10.0
_BACKOFF_ATTEMPTS = 16
_UNBLOCK_S = 1.0


class Dispatcher:
    """Starts jobs where slots are free.

    Args:
        worker: whose slots they are.
        queue: where jobs come from.
    """

    def __init__(self, worker: Worker, queue: RedisQueue) -> None:
        self.away = False
        """Whether the broker could not be reached when it was asked last."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._adopted: list[bytes] = []
        self._worker = worker
        self._queue = queue
        self._running = 0
        self._at_a_time = (worker.concurrency + 1) // 2
        """How many are asked for in a round trip: half of them run while the server deals with the others."""
        self._more = True
        """Whether there may be jobs that wait; otherwise one that comes is waited for."""
        self._failures = 0
        self._waiting: asyncio.Task[Any] | None = None
        self._client_id: int | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        self._queue.turns.demand = Demand(json.dumps(str(self._worker.id)), self._count, self._deliver, self._fail)
        self._next()

    async def end(self) -> None:
        """Wait until no more jobs come, and what came too late is back; the worker has been told to end before."""
        if self._client_id is not None:
            with contextlib.suppress(Exception), quiet(self._queue):
                async with asyncio.timeout(_UNBLOCK_S):
                    await cast("Any", self._queue.redis).client_unblock(self._client_id)
        # Whatever waits or is under way may bring a job, and that is put back.
        while True:
            await self._queue.turns.settled()
            if not self._tasks:
                return
            await asyncio.wait(self._tasks)

    def close(self) -> None:
        """Let another worker of this process have the queue."""
        for task in self._tasks:
            task.cancel()
        self._queue.turns.demand = None

    @property
    def _ending(self) -> bool:
        return self._worker.event.is_set()

    def _count(self) -> int:
        if not self._more or self._ending or self.away:
            return 0
        free = self._worker.concurrency - self._running - self._queue.turns.asked
        return min(free, self._at_a_time)

    def _next(self) -> None:
        """See to it that jobs come, where slots are free."""
        if self._ending or self.away or self._running >= self._worker.concurrency:
            return
        if self._more:
            self._queue.turns.turn()
        elif self._waiting is None:
            self._waiting = self._keep(self._wait())

    def _keep(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wait(self) -> None:
        """Wait for a job to come."""
        try:
            with quiet(self._queue):
                job_id = await self._block()
            if job_id is not None:
                self._more = True
                self._queue.turns.adopt(job_id)
        except Exception as error:  # noqa: BLE001 - logged; whatever it is, it is tried again
            self._fail(error, [])
        finally:
            self._client_id = self._waiting = None

    async def _block(self) -> bytes | None:
        """Return a job that came, moved to the active list; None where the worker ends."""
        # A connection, and no client around it, which may be of a class of the user's that does more at its end.
        pool = cast("Any", self._queue.redis).connection_pool
        connection = await pool.get_connection()
        try:
            with contextlib.suppress(ResponseError):  # who is not allowed to, waits for less at a time
                self._client_id = int(await ask(connection, "CLIENT", "ID"))
            names = (self._queue.namespace("queued"), self._queue.namespace("active"))
            longest_s = _BLOCK_S if self._client_id is not None else _BLOCK_UNWAKED_S
            block_s = min(longest_s, (connection.socket_timeout or _BLOCK_S * 2) / 2)
            while not self._ending:
                job_id: bytes | None = await ask(connection, "BLMOVE", *names, "LEFT", "RIGHT", block_s)
                if job_id is not None:
                    return job_id
            return None
        finally:
            await pool.release(connection)

    def _deliver(self, rows: list[tuple[bytes, bytes, bool]], asked: int) -> None:
        self._failures = 0
        if len(rows) < asked:
            self._more = False
        for job_id, payload, begun in rows:
            try:
                job = self._queue.deserialize(payload)
            except Exception:
                logger.exception("A job can't be read: %s", job_id)
                continue
            if job is None:
                continue
            if self._ending:
                self._keep(self._put_back(job, begun=begun))
                continue
            self._running += 1
            self._worker.held.add(job)
            received(self._queue, job)
            if begun:
                mark_begun(job, payload)
            task = asyncio.create_task(JobRun(self._worker, job).run(), name="process")
            self._worker.tasks.add(task)
            task.add_done_callback(self._ended)
        self._next()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._worker.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A job's run failed", exc_info=error)
        self._next()

    async def _put_back(self, job: Any, *, begun: bool) -> None:
        with quiet(self._queue):
            if begun:
                await self._queue.unbegin(job)
            else:
                await broker_of(self._queue).release(self._queue, job)

    def _fail(self, error: BaseException, adopted: list[bytes]) -> None:
        self._adopted += adopted
        if self.away or self._ending:
            return
        self.away = True
        logger.warning("queue %r can't be reached, trying again: %s", self._queue.name, type(error).__name__)
        self._keep(self._come_back())

    async def _come_back(self) -> None:
        """Wait until the broker answers again, and put back what it gave without our knowing."""
        while not self._ending:
            self._failures = min(self._failures + 1, _BACKOFF_ATTEMPTS)
            delay_s = exponential_backoff(self._failures, _BACKOFF_S, _BACKOFF_MAX_S)
            await pause(max(_BACKOFF_LEAST_S, delay_s), self._worker.event)
            try:
                with quiet(self._queue):
                    await self._reclaim()
            except Exception:  # noqa: BLE001, S112 - it was told that the broker is away
                continue
            self.away = False
            logger.info("queue %r answers again", self._queue.name)
            self._more = True
            self._next()
            return

    async def _reclaim(self) -> None:
        """Put back the jobs that are ours by what is written, and that do not run."""
        await self._queue.turns.settled()  # it may bring some of them
        redis = cast("Any", self._queue.redis)
        ids = await redis.lrange(self._queue.namespace("active"), 0, -1)
        payloads = await redis.mget(ids) if ids else ()
        for job_id, payload in zip(ids, payloads, strict=True):
            job = self._queue.deserialize(payload)
            if job is None or job in self._worker.held or job in self._worker.unwritten:
                continue
            if job.status is Status.QUEUED and job_id in self._adopted:
                await self._put_back(job, begun=False)
            elif job.status is Status.ACTIVE and job.worker_id == self._worker.id:
                await self._put_back(job, begun=True)
        self._adopted.clear()
