"""Which workers of a queue in Postgres live, by Postgres' own clock: rows among what SAQ's workers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import Connection
from psycopg.sql import SQL

from litestar_saq.brokers import _statements as statements
from litestar_saq.brokers.base import LEASE_S

if TYPE_CHECKING:
    from litestar_saq.brokers.postgres import PostgresQueue

__all__ = ("PostgresKeeper", "RowLeases")

_ANSWER_S = 2


class RowLeases:
    """The leases of a queue's workers."""

    def __init__(self, queue: PostgresQueue) -> None:
        self._queue = queue
        self.lease_s: float = LEASE_S

    def keeper(self, worker_id: str, slots: int | None = None) -> PostgresKeeper | None:
        """Return what keeps a worker's lease in a thread; None where it can't be told how to connect there."""
        del slots
        pool: Any = self._queue.pool
        options = pool.kwargs
        if not isinstance(pool.conninfo, str) or not isinstance(options, dict | None):
            return None
        options = {**(options or {}), "autocommit": True, "connect_timeout": _ANSWER_S}
        table = self._queue.stats_table
        return PostgresKeeper(pool.conninfo, options, SQL(statements.HOLD).format(stats=table), self._values(worker_id))

    async def hold(self, worker_id: str, slots: int | None = None) -> None:
        """Take or keep a worker's lease. It takes no more jobs than it has slots, so that these need not be known."""
        del slots
        await self._execute(statements.HOLD, self._values(worker_id))

    async def succeed(self, worker_id: str) -> bool:
        """Take the jobs of an earlier worker of this id from it, if its lease is over; tell whether it is."""
        living, _ = await self.workers()
        if worker_id in living:
            return False
        await self._queue.recover_from(frozenset({worker_id}))
        return True

    async def let_go(self, worker_id: str) -> None:
        """End the lease of a worker that has no jobs any more."""
        await self.forget(frozenset({worker_id}))

    async def workers(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the workers that have a lease, and those whose lease is over."""
        rows = await self._execute(statements.LIST_LEASES, self._values(""))
        living = frozenset(worker_id for worker_id, lives in rows if lives)
        return living, frozenset(worker_id for worker_id, _ in rows) - living

    async def forget(self, workers: frozenset[str]) -> None:
        """Forget workers whose jobs are dealt with; one that lives after all makes itself known again."""
        await self._execute(statements.FORGET_LEASES, {**self._values(""), "workers": list(workers)})

    def _values(self, worker_id: str) -> dict[str, Any]:
        return {"queue": f"leases:{self._queue.name}", "worker_id": worker_id, "ttl": self.lease_s}

    async def _execute(self, statement: LiteralString, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._queue.pool.connection() as connection:
            done = await connection.execute(SQL(statement).format(stats=self._queue.stats_table), values)
            return await done.fetchall() if done.description else []


class PostgresKeeper:
    """Keeps a lease over a connection of its own, whose statements block.

    Args:
        conninfo: where to connect to.
        options: how.
        statement: what takes or keeps the lease.
        values: its values.
    """

    def __init__(self, conninfo: str, options: dict[str, Any], statement: Any, values: dict[str, Any]) -> None:
        self._conninfo, self._options, self._statement, self._values = conninfo, options, statement, values
        self._connection: Connection[Any] | None = None

    def hold(self) -> None:
        """Take or keep the lease."""
        try:
            if self._connection is None:
                self._connection = Connection.connect(self._conninfo, **self._options)
            self._connection.execute(self._statement, self._values)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
