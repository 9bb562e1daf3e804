"""The pool of connections to Postgres."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool, PoolClosed

__all__ = ("make_pool",)


def make_pool(conninfo: str, **options: Any) -> AsyncConnectionPool:
    """Return a pool, not open yet, that checks a connection before it gives it.

    psycopg's own waits after each connection that it finds broken, twice as long each time: after a restart of the
    server, of which all are broken, that is quarter of a minute. Here the first one makes it look at all of them.
    """
    looking: set[asyncio.Task[None]] = set()

    async def check(connection: AsyncConnection[Any]) -> None:
        try:
            await AsyncConnectionPool.check_connection(connection)
        except Error:
            if not looking:
                task = asyncio.create_task(look())
                looking.add(task)
                task.add_done_callback(looking.discard)
            raise

    async def look() -> None:
        with contextlib.suppress(Error, OSError, PoolClosed):
            await pool.check()

    pool: AsyncConnectionPool = AsyncConnectionPool(conninfo, check=check, open=False, **options)
    return pool
