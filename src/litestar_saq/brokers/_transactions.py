"""The caller's own transaction on Postgres: psycopg's connection, or SQLAlchemy's, whichever driver that has."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.sql import Composed

__all__ = ("Transaction", "as_transaction", "fetch", "notify")

Transaction: TypeAlias = Any
"""`psycopg.AsyncConnection`, or SQLAlchemy's `AsyncConnection`, `AsyncSession` or `async_scoped_session`."""
_CAST = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")
_VALUE = re.compile(r"%\((\w+)\)s")


def as_transaction(given: object) -> Transaction | None:
    """Return what is given where it is one of these, else None."""
    if isinstance(given, AsyncConnection) or _is_sqlalchemys(given):
        return given
    return None


async def fetch(transaction: Transaction, statement: Composed, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Execute a statement of psycopg's in it; return its rows."""
    if isinstance(transaction, AsyncConnection):
        async with transaction.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement, values)
            return await cursor.fetchall()
    return await _execute(transaction, statement.as_string(None), values)


async def notify(transaction: Transaction, channel: str, key: str) -> None:
    """Wake workers once SQLAlchemy's transaction commits."""
    values = {"channel": channel, "key": key}
    await _execute(transaction, "SELECT pg_notify(%(channel)s::text, %(key)s::text)", values)


async def _execute(transaction: Transaction, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    from sqlalchemy import text  # noqa: PLC0415 - the caller has it, or there would be no such transaction

    named = _VALUE.sub(r":\1", _CAST.sub(r"CAST(:\1 AS \2)", statement))
    return [tuple(row) for row in await transaction.execute(text(named), dict(values))]


def _is_sqlalchemys(given: object) -> bool:
    if "sqlalchemy" not in sys.modules:
        return False
    from sqlalchemy.ext import asyncio as sqlalchemy  # noqa: PLC0415 - it is there

    kinds = (sqlalchemy.AsyncConnection, sqlalchemy.AsyncSession, sqlalchemy.async_scoped_session)
    return isinstance(given, kinds)
