"""What Postgres adds to SAQ's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.sql import SQL
from psycopg.types.json import Jsonb
from saq.job import Status
from saq.queue.postgres import ENQUEUE
from saq.queue.postgres import PostgresQueue as SaqPostgresQueue
from saq.utils import now, now_seconds

from litestar_saq.brokers import _statements as statements
from litestar_saq.brokers.base import Address, Broker, is_attempt, register_broker, same_attempt
from litestar_saq.jobs import mark_expected, pop_begun

if TYPE_CHECKING:
    from saq.job import Job as SaqJob
    from saq.queue.base import Queue

__all__ = ("PostgresBroker",)


class PostgresBroker(Broker):
    """Postgres."""

    name = "postgresql"
    # A dequeue that is cancelled rolls back, or leaves its jobs with the queue, which gives them back.
    fetch_block_s: ClassVar[float | None] = None
    # A pool's time-out is an `OperationalError`, and so is a full disk; a standby says that it only reads.
    unreachable: ClassVar[tuple[type[Exception], ...]] = (OSError, OperationalError, ReadOnlySqlTransaction)

    def address(self, queue: Queue) -> Address | None:
        """Return the server's host (or its socket's folder) and port."""
        conninfo = cast("SaqPostgresQueue", queue).pool.conninfo
        if not isinstance(conninfo, str):
            return None
        parts = conninfo_to_dict(conninfo)
        # Of several hosts the first: which of them answers is libpq's business.
        host, port = (str(parts.get(name) or "").partition(",")[0] for name in ("host", "port"))
        return Address(host or "localhost", int(port or 5432))

    async def touch(self, queue: Queue, job: SaqJob) -> bool:
        """Set the stored job's `touched`, in a transaction that holds its row."""
        ours = cast("SaqPostgresQueue", queue)
        async with ours.pool.connection() as connection, connection.transaction():
            found = await connection.execute(SQL(statements.LOCK_JOB).format(jobs=ours.jobs_table), {"key": job.key})
            row = await found.fetchone()
            stored = ours.deserialize(*row) if row else None
            if stored is None or not same_attempt(stored, job):
                return False
            stored.touched = now()
            await connection.execute(
                SQL(statements.WRITE_JOB).format(jobs=ours.jobs_table), {"key": job.key, "job": ours.serialize(stored)}
            )
        job.touched = stored.touched
        return True

    async def expect(self, queue: Queue, job: SaqJob, attempt: tuple[int, int]) -> bool:
        """Tell whether what is stored is this attempt; what is written next is written if nobody was faster."""
        ours = cast("SaqPostgresQueue", queue)
        async with ours.pool.connection() as connection:
            found = await connection.execute(SQL(statements.READ_JOB).format(jobs=ours.jobs_table), {"key": job.key})
            row = await found.fetchone()
        if row is None or not is_attempt(ours.deserialize(*row), attempt):
            return False
        mark_expected(job, bytes(row[0]))
        return True

    async def release(self, queue: Queue, job: SaqJob) -> None:
        """Set the job back to queued, unless somebody has written it in between."""
        ours = cast("SaqPostgresQueue", queue)
        held = ours.serialize(job)
        job.status, job.started = Status.QUEUED, 0
        if pop_begun(job) is not None:
            job.attempts, job.worker_id = job.attempts - 1, None
        values = {"key": job.key, "held": held, "job": ours.serialize(job)}
        async with ours.pool.connection() as connection:
            done = await connection.execute(SQL(statements.PUT_BACK).format(jobs=ours.jobs_table), values)
            if done.rowcount:
                await ours._notify(ENQUEUE, connection=connection)  # noqa: SLF001 - SAQ has no public way to wake its workers

    async def hold_lease(self, queue: Queue, name: str, owner: str, ttl_s: float) -> bool:
        """Take a lease, or keep it: a row among the workers' that belongs to no queue and expires."""
        ours = cast("SaqPostgresQueue", queue)
        values = {
            "lease": f"{name}:{queue.name}",
            "owner": Jsonb({"owner": owner}),
            "now": now_seconds(),
            "ttl": int(ttl_s),
        }
        async with ours.pool.connection() as connection:
            held = await connection.execute(SQL(statements.HOLD_LEASE).format(stats=ours.stats_table), values)
            return await held.fetchone() is not None

    async def oldest_job_s(self, queue: Queue) -> float | None:
        """Return how long the job has been due that was due first (whole seconds: so SAQ keeps it)."""
        ours = cast("SaqPostgresQueue", queue)
        values = {"queue": queue.name, "now": now_seconds()}
        async with ours.pool.connection() as connection:
            found = await connection.execute(SQL(statements.OLDEST).format(jobs=ours.jobs_table), values)
            row = await found.fetchone()
        return max(0.0, now_seconds() - row[0]) if row and row[0] is not None else 0.0

    async def forget_worker(self, queue: Queue, worker_id: str) -> None:
        """Remove what the worker has told of itself."""
        ours = cast("SaqPostgresQueue", queue)
        async with ours.pool.connection() as connection:
            statement = SQL(statements.FORGET_WORKER).format(stats=ours.stats_table)
            await connection.execute(statement, {"worker_id": worker_id})


register_broker(SaqPostgresQueue, PostgresBroker())
