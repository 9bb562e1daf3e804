"""What is written to Postgres in one turn of the event loop goes in one statement."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import AsyncConnection, OperationalError
from psycopg.sql import SQL
from saq.queue.postgres import ENQUEUE
from saq.utils import now_seconds

from litestar_saq.brokers import _statements as statements
from litestar_saq.brokers._batches import Batches
from litestar_saq.brokers._notes import Notes
from litestar_saq.brokers._transactions import fetch, notify
from litestar_saq.jobs import pop_expected
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from saq.job import Job as SaqJob

    from litestar_saq.brokers._notes import Noted
    from litestar_saq.brokers._transactions import Transaction
    from litestar_saq.brokers.postgres import PostgresQueue
    from litestar_saq.jobs import Job

__all__ = ("KEEPS", "Rows", "Write")

logger = logging.getLogger(__name__)

KEEPS = -1
"""Instead of when a row expires: that stays as it is (SAQ's own mark)."""


class Write(NamedTuple):
    """What a job's row becomes."""

    key: str
    payload: bytes
    status: str
    scheduled: int
    expire_at: int | None
    """In seconds since the epoch; None is never, `KEEPS` as it is."""
    deletes: bool = False
    held: bytes | None = None
    """What it takes the place of; where that has changed, it is not written. None: whatever is there."""


class NewRow(NamedTuple):
    """A job that is enqueued."""

    key: str
    payload: bytes
    priority: int
    group_key: str | None
    scheduled: int


class Rows:
    """The rows of a queue's jobs."""

    def __init__(self, queue: PostgresQueue) -> None:
        self._queue = queue
        self._writes: Batches[Write, None] = Batches(self._write, at_once=1)
        self._enqueues: Batches[NewRow, bool] = Batches(self._enqueue, at_once=1)
        self._notes = Notes(self._note)
        self._noting: set[asyncio.Task[None]] = set()

    def note(self, job: Job, held: bytes, complete: Callable[[], None]) -> None:
        """Write what `complete` adds to a job that runs, unless it ends soon; nobody waits for that."""
        self._notes.add(job, held, complete)

    def _note(self, due: dict[str, Noted]) -> None:
        task = asyncio.ensure_future(self._write_notes(due))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write_notes(self, due: dict[str, Noted]) -> None:
        values = {
            "keys": list(due),
            "held": [held for _, held in due.values()],
            "payloads": [self._bytes(job) for job, _ in due.values()],
        }
        try:
            async with self._connection() as connection:
                await connection.execute(SQL(statements.NOTE_MANY).format(jobs=self._queue.jobs_table), values)
        except (OSError, OperationalError) as error:
            logger.debug("What was noted of %d jobs is not written: %s", len(due), error)

    def write(self, write: Write) -> asyncio.Future[None]:
        """Write a row with the others of this turn."""
        self._notes.drop(write.key)
        return self._writes.put(write)

    def enqueue(self, job: SaqJob) -> asyncio.Future[bool]:
        """Enqueue a job with the others of this turn; return whether it was taken, once that is known."""
        return self._enqueues.put(self.new(job))

    def new(self, job: SaqJob) -> NewRow:
        """Return the row of a job that is enqueued."""
        payload = _to_bytes(self._queue.serialize_new(job))
        return NewRow(job.key, payload, job.priority, job.group_key, job.scheduled or int(now_seconds()))

    def of(self, job: SaqJob, expire_at: int | None = KEEPS, *, deletes: bool = False) -> Write:
        """Return what a job's row becomes."""
        status = getattr(job.status, "value", job.status)
        held = pop_expected(job)
        return Write(job.key, self._bytes(job), str(status), job.scheduled, expire_at, deletes, held)

    def _bytes(self, job: SaqJob) -> bytes:
        return _to_bytes(self._queue.serialize(job))

    async def _write(self, writes: list[Write], tell: Callable[[list[None]], None]) -> None:
        # Of one that is written twice the last holds.
        last = {write.key: write for write in writes}
        async with self._connection() as connection, connection.transaction():
            await self.write_now(connection, [write for write in last.values() if not write.deletes])
            if deletes := [write for write in last.values() if write.deletes]:
                statement = SQL(statements.DELETE_MANY).format(jobs=self._queue.jobs_table)
                values = {"keys": [write.key for write in deletes], "held": [write.held for write in deletes]}
                await connection.execute(statement, values)
        tell([None] * len(writes))

    async def write_now(self, connection: AsyncConnection[Any], writes: list[Write]) -> None:
        """Write rows in one statement of a transaction that there is."""
        if not writes:
            return
        # By their keys, so that two who write the same rows do not wait for each other.
        writes = sorted(writes)
        values = {
            "keys": [write.key for write in writes],
            "payloads": [write.payload for write in writes],
            "statuses": [write.status for write in writes],
            "scheduled": [write.scheduled for write in writes],
            "expire_at": [None if write.expire_at == KEEPS else write.expire_at for write in writes],
            "held": [write.held for write in writes],
            "keeps": [write.expire_at == KEEPS for write in writes],
        }
        await connection.execute(SQL(statements.WRITE_MANY).format(jobs=self._queue.jobs_table), values)

    async def _enqueue(self, rows: list[NewRow], tell: Callable[[list[bool]], None]) -> None:
        tell(await self.enqueue_now(rows))

    async def enqueue_now(self, rows: list[NewRow]) -> list[bool]:
        """Enqueue jobs in one statement."""
        async with self._connection() as connection, connection.transaction():
            return await self.enqueue_in(connection, rows)

    async def enqueue_in(self, transaction: Transaction, rows: list[NewRow]) -> list[bool]:
        """Enqueue jobs in one statement of a transaction that there is, and that tells workers when it commits."""
        first = {row.key: row for row in reversed(rows)}
        values = {
            "queue": self._queue.name,
            "keys": [row.key for row in first.values()],
            "payloads": [row.payload for row in first.values()],
            "priorities": [row.priority for row in first.values()],
            "groups": [row.group_key for row in first.values()],
            "scheduled": [row.scheduled for row in first.values()],
        }
        statement = SQL(statements.ENQUEUE_MANY).format(jobs=self._queue.jobs_table)
        taken = {key for (key,) in await fetch(transaction, statement, values)}
        if taken and isinstance(transaction, AsyncConnection):
            await self._queue._notify(ENQUEUE, connection=transaction)  # noqa: SLF001 - SAQ has no public way to wake its workers
        elif taken:
            await notify(transaction, self._queue._channel, ENQUEUE)  # noqa: SLF001 - the same
        # One that comes twice is taken once.
        return [row.key in taken and first[row.key] is row for row in rows]

    def _connection(self) -> Any:
        with quiet(self._queue):
            return self._queue.pool.connection()


def _to_bytes(payload: bytes | str) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload
