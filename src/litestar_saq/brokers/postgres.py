"""Postgres: SAQ's queue with groups that hold, and with prefetched jobs that are given back."""

from __future__ import annotations

import asyncio
import logging
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from psycopg.sql import SQL
from saq.job import Status
from saq.queue.base import logger
from saq.queue.postgres import PostgresQueue as SaqPostgresQueue
from saq.utils import now, now_seconds

from litestar_saq.brokers import _statements as statements
from litestar_saq.brokers._batches import MOST
from litestar_saq.brokers._ear import Ear
from litestar_saq.brokers._pool import make_pool
from litestar_saq.brokers._postgres_broker import PostgresBroker
from litestar_saq.brokers._row_leases import RowLeases
from litestar_saq.brokers._rows import KEEPS, Rows
from litestar_saq.brokers._sweeping import is_overdue
from litestar_saq.brokers._transactions import as_transaction
from litestar_saq.brokers.base import QueueMixin
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import mark_begun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool
    from saq.job import Job as SaqJob

    from litestar_saq.brokers._transactions import Transaction
    from litestar_saq.jobs import Job

__all__ = ("PostgresBroker", "PostgresQueue")

TABLES_DEADLINE_S = 30.0
"""How long to wait for another process that is making the tables."""
_TABLES_POLL_S = 0.1


_transaction: ContextVar[Transaction | None] = ContextVar("litestar_saq_transaction", default=None)
"""The one in which the job is enqueued that is enqueued now."""


class PostgresQueue(QueueMixin, SaqPostgresQueue):
    """SAQ's Postgres queue.

    It differs in its dequeue: of each `group_key` one job runs at a time, also among several
    workers, and jobs without one never wait for a group. (SAQ 0.26 hands out several jobs of
    one group at once, and none without a group while any group runs.)

    And in its sweep, which reads each stuck job anew before it takes it from its worker.
    """

    def __init__(self, pool: AsyncConnectionPool | None = None, **options: Any) -> None:
        super().__init__(cast("Any", pool), **options)
        self._listener: Ear = Ear(self.pool, self._channel)
        self._looked = 0
        """Of which news it has been looked for jobs."""
        self._reopen = False
        self._rows = Rows(self)
        self._seen: dict[tuple[bytes, str], float] = {}
        """What is stored of the jobs that run, and since when a sweep has seen it so."""
        self.leases = RowLeases(self)
        """Which workers live."""
        self.takers: list[str] = []
        """The ids of the workers here that take jobs."""

    async def connect(self) -> None:
        """Open the pool where it is ours, and make the tables; again after a `disconnect` too."""
        if self._reopen:
            # A pool of psycopg can't be opened twice.
            old, self._reopen = self.pool, False
            sizes = {"min_size": old.min_size, "max_size": old.max_size, "timeout": old.timeout}
            self.pool = make_pool(cast("Any", old).conninfo, kwargs=old.kwargs, **sizes)
            self._listener = Ear(self.pool, self._channel)
        await super().connect()

    def __repr__(self) -> str:
        address = PostgresBroker().address(self)
        where = f"{address.host}:{address.port}" if address else "?"
        return f"{type(self).__name__}<{where}, name={self.name!r}>"

    async def init_db(self) -> None:
        """Make the tables, or wait until the process that is making them is done."""
        async with asyncio.timeout(TABLES_DEADLINE_S):
            await super().init_db()
            while not await self._has_tables():
                await asyncio.sleep(_TABLES_POLL_S)
                await super().init_db()

    async def _has_tables(self) -> bool:
        async with self.pool.connection() as connection:
            names = [table.as_string(connection) for table in (self.jobs_table, self.stats_table, self.versions_table)]
            found = await connection.execute(
                "SELECT bool_and(to_regclass(name) IS NOT NULL) FROM unnest(%s::text[]) name", [names]
            )
            row = await found.fetchone()
            return bool(row and row[0])

    async def disconnect(self) -> None:
        """Give back what was prefetched, then close the pool where it is ours."""
        if self._connected:
            while not self._job_queue.empty():
                await PostgresBroker().release(self, self._job_queue.get_nowait())
            self._reopen = self._manage_pool_lifecycle
        await super().disconnect()
        await self._listener.close()  # its connection goes with the pool

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Delete what has expired, and give back what stuck jobs hold (SAQ's `Queue.sweep`).

        Args:
            lock: not used here: who sweeps once goes on sweeping, for as long as its connection lives.
            abort: seconds that a stuck job's worker gets to abort it.

        Returns:
            The keys of the jobs that were swept.
        """
        del lock
        values = {"queue": self.name, "keyspace": self.saq_lock_keyspace, "now": now_seconds()}
        tables = {"jobs": self.jobs_table, "stats": self.stats_table}
        async with self.pool.connection() as connection:
            if not self._has_sweep_lock:
                locked = await (await connection.execute(SQL(statements.SWEEP_LOCK), values)).fetchone()
                if not locked or not locked[0]:
                    return []
                self._has_sweep_lock = True
            for statement in (statements.EXPIRE_JOBS, statements.EXPIRE_STATS):
                await connection.execute(SQL(statement).format(**tables), values)
            rows = await (await connection.execute(SQL(statements.LIST_ACTIVE).format(**tables), values)).fetchall()
            found = await self._read_all(connection, rows)
        living, _ = await self.leases.workers() if found else (frozenset(), None)
        stuck = [job for job, age_s in self._aged(found) if is_overdue(job, age_s, living)]
        stuck.sort(key=lambda job: job.touched)  # the longest overdue first: a table has no order
        return [job.key for job in await self.sweep_all(stuck, lambda job: self.sweep_stuck(job, abort))]

    def _aged(self, found: list[tuple[bytes, Job]]) -> list[tuple[Job, float]]:
        """Return the jobs, and for how long each has been as it is: who sweeps once goes on sweeping."""
        at, before, self._seen = time.monotonic(), self._seen, {}
        for payload, job in found:
            key = payload, job.status.value
            self._seen[key] = before.get(key, at)
        return [(job, at - self._seen[payload, job.status.value]) for payload, job in found]

    async def recover(self, is_sure: Callable[[], bool] = lambda: True) -> list[str]:
        """Put back, or give up, the jobs of workers that have died, whatever their time-outs.

        A worker of ours counts as dead where it has given no sign of life for its `lease_s`; one of SAQ's never does.

        Args:
            is_sure: whether what is read of the leases means that; after an outage of the broker all are over.

        Returns:
            The keys of the jobs.
        """
        _, gone = await self.leases.workers()
        return await self.recover_from(gone) if gone and is_sure() else []

    async def recover_from(self, workers: frozenset[str]) -> list[str]:
        """Put back, or give up, the jobs of workers that are known to be gone; return their keys."""
        async with self.pool.connection() as connection:
            statement = SQL(statements.LIST_ACTIVE).format(jobs=self.jobs_table)
            rows = await (await connection.execute(statement, {"queue": self.name})).fetchall()
            found = [one for one in await self._read_all(connection, rows) if one[1].worker_id in workers]
        recovered = await self.sweep_all(found, self._recover)
        await self.leases.forget(workers)
        return [job.key for _, job in recovered]

    async def _recover(self, found: tuple[bytes, Job]) -> bool:
        held, job = found
        lost = self.count_loss(job)
        values = {"key": job.key, "held": held, "job": self.serialize(lost), "status": Status(job.status).value}
        async with self.pool.connection() as connection:
            done = await connection.execute(SQL(statements.REPLACE_SAME).format(jobs=self.jobs_table), values)
        if not done.rowcount:
            return False  # whoever has written it lives, or has dealt with it
        await self.settle_loss(lost)
        return True

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> SaqJob | None:  # noqa: ASYNC109 - SAQ's signature
        """Fetch a job (SAQ's `Queue.dequeue`).

        SAQ's begins to listen once it has looked: a job that comes in between waits for the scheduler's next second.
        """
        if poll_interval > 0:
            return await super().dequeue(timeout, poll_interval)
        self._waiting += 1
        try:
            if self._job_queue.empty():
                await self._dequeue()
            if (job := self._at_hand()) is not None:
                return job
            async with asyncio.timeout(timeout or None):
                return await self._wait_for_job()
        except (TimeoutError, asyncio.CancelledError):
            return None
        finally:
            self._waiting -= 1

    async def _wait_for_job(self) -> SaqJob:
        async with self._listener.changes() as change:
            while True:
                if self._looked < self._listener.news and not self._dequeue_lock.locked():
                    await self._dequeue()
                if (job := self._at_hand()) is not None:
                    return job
                await change()

    def _wanted(self) -> int:
        return max(0, self._waiting - self._job_queue.qsize())

    def _at_hand(self) -> SaqJob | None:
        job: SaqJob | None = None if self._job_queue.empty() else self._job_queue.get_nowait()
        return job

    async def _dequeue(self) -> None:
        if self._dequeue_lock.locked():
            self._listener.news += 1  # who looks now looks again, for us too
            return
        async with self._dequeue_lock:
            await self._look()
            while self._looked < self._listener.news:
                await self._look()

    async def _look(self) -> None:
        self._looked = self._listener.news
        jobs: list[Job] | None = None
        while jobs is None:
            if not self._wanted():
                return
            async with self.pool.connection() as connection, connection.transaction():
                jobs = await self._take(connection, self._wanted())  # others have come to wait by now
        for job in jobs:
            self._job_queue.put_nowait(job)
        if jobs:
            self._listener.tell()

    async def _take(self, connection: AsyncConnection[Any], limit: int) -> list[Job] | None:
        """Return jobs that are this worker's now; None where those that were there can't be read."""
        values = {
            "queue": self.name,
            "now": now_seconds(),
            "limit": limit,
            "lowest": self._priorities[0],
            "highest": self._priorities[1],
            "keyspace": self.saq_lock_keyspace,
        }
        # Held to the end of the transaction, so that no two workers take from one group at once;
        # a statement of its own, so that the next one sees what the previous holder has taken.
        await connection.execute(SQL(statements.LOCK_GROUPS).format(jobs=self.jobs_table), values)
        rows = await connection.execute(SQL(statements.TAKE).format(jobs=self.jobs_table), values)
        # Of several that share us, nobody knows which one gets the job.
        taker = self.takers[0] if len(self.takers) == 1 else None
        taken, jobs = now(), []
        found = [(payload, Status.ACTIVE, key) for payload, key in await rows.fetchall()]
        read = await self._read_all(connection, found)
        if found and not read:
            return None
        for _, job in read:
            # A sweep between the fetch and the start must not find the job overdue.
            job.started = job.touched = taken
            if taker is not None:
                job.attempts += 1
                job.worker_id = taker
            jobs.append(job)
        writes = [self._rows.of(job) for job in jobs]
        await self._rows.write_now(connection, writes)
        if taker is not None:
            for job, write in zip(jobs, writes, strict=True):
                mark_begun(job, write.payload)
        return jobs

    async def _read_all(
        self, connection: AsyncConnection[Any], rows: Iterable[tuple[bytes, str, str]]
    ) -> list[tuple[bytes, Job]]:
        """Return jobs, and what is stored of them. What can't be read is told of, and failed from here on."""
        read: list[tuple[bytes, Job]] = []
        unreadable: list[str] = []
        for payload, status, key in rows:
            try:
                job = self.deserialize(payload, status)
            except UnreadableJobError as error:
                logger.error("Set aside %s: %s", key, error)
                unreadable.append(key)
            else:
                read += [(bytes(payload), job)] if job is not None else []
        if unreadable:
            values = {"keys": unreadable, "queue": self.name}
            await connection.execute(SQL(statements.SET_ASIDE).format(jobs=self.jobs_table), values)
        return read

    def note(self, job: Job, held: bytes, complete: Callable[[], None]) -> None:
        """Write what `complete` adds to a running job, of which `held` is stored, unless it ends soon."""
        self._rows.note(job, held, complete)

    async def _update(self, job: SaqJob, status: Status | None = None, **kwargs: Any) -> None:
        if status is None or kwargs.get("connection") is not None:
            await super()._update(job, status, **kwargs)
            return
        job.status = status
        await self._rows.write(self._rows.of(job, kwargs.get("expire_at", KEEPS)))

    async def _finish(
        self,
        job: SaqJob,
        status: Status,
        *,
        result: Any = None,
        error: str | None = None,
        connection: AsyncConnection[Any] | None = None,
    ) -> None:
        if connection is not None:
            await super()._finish(job, status, result=result, error=error, connection=connection)
            return
        job.touched = now()
        expire_at = int(now_seconds() + job.ttl) if job.ttl > 0 else None
        await self._rows.write(self._rows.of(job, expire_at, deletes=job.ttl < 0))

    async def enqueue(
        self, job_or_func: str | SaqJob, *, connection: Transaction | Any = None, **kwargs: Any
    ) -> Job | None:
        """Enqueue a job (SAQ's `Queue.enqueue`), in the caller's transaction where its connection is given.

        Example:
            ```python
            async with pool.connection() as connection, connection.transaction():
                await connection.execute("INSERT INTO orders ...")
                await queue.enqueue("confirm_order", order=17, connection=connection)
            ```

        Args:
            job_or_func: the function's name, or a job.
            connection: a `psycopg.AsyncConnection` to the queue's database, or SQLAlchemy's `AsyncConnection` or
                `AsyncSession`, with psycopg or asyncpg. The job is there if and only if what is done on it commits.
                Anything else of this name is an argument of the function.
            **kwargs: arguments of the function, and properties of the job.

        Returns:
            The job; None where one of its key is already waiting or running.
        """
        transaction = as_transaction(connection)
        if connection is not None and transaction is None:
            kwargs["connection"] = connection
        mark = _transaction.set(transaction)
        try:
            return await super().enqueue(job_or_func, **kwargs)
        finally:
            _transaction.reset(mark)

    async def _enqueue(self, job: SaqJob) -> Job | None:
        if (connection := _transaction.get()) is not None:
            (taken,) = await self._rows.enqueue_in(connection, [self._rows.new(job)])
        else:
            taken = await self._rows.enqueue(job)
        if not taken:
            return None
        if logger.isEnabledFor(logging.INFO):
            logger.info("Enqueuing %s", job.info(logger.isEnabledFor(logging.DEBUG)))
        return cast("Job", job)

    async def _enqueue_batch(self, batch: list[Job]) -> list[Job | None]:
        taken: list[bool] = []
        for part in (batch[i : i + MOST] for i in range(0, len(batch), MOST)):
            taken += await self._rows.enqueue_now([self._rows.new(job) for job in part])
        logger.info("Enqueuing %d jobs in queue %s", sum(taken), self.name)
        return [job if one else None for job, one in zip(batch, taken, strict=True)]
