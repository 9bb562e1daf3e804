"""Where reports are kept: Redis, so that API and workers share them.

report:ID            hash: status, rows, names, encoding, delimiter, split, trace_id, error, expires
report:ID:csv        the file
report:ID:column:N   hash: the cells of a column by chunk, as JSON lists
report:ID:columns    hash: the figures of each column that is analysed, as JSON
report:ID:charts     hash: its chart, as SVG
reports              sorted set: every report by when it expires
reports:open         sorted set: those that have not ended, by when they were uploaded

The file and the columns' cells are dropped when the report ends. All keys of a report end by themselves a while after
it should have been expired.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, cast

from reference_app.reading import Layout
from reference_app.reports import Report

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline

    from litestar_saq import TaskQueues
    from reference_app.reports import Status

__all__ = ("Store", "store_of")

_ALL = "reports"
_OPEN = "reports:open"
_NET_S = 600
"""How long after its time an expired report's keys end by themselves, where no worker expires it."""

_SET_WHILE_OPEN = """
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'queued' and status ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""


class Store:
    """The reports in a Redis.

    Args:
        redis: a client that returns bytes.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = cast("Any", redis)

    async def create(self, report_id: str, data: bytes, layout: Layout, *, trace_id: str | None, ttl_s: int) -> None:
        """Store an upload as a queued report, whole or not at all."""
        now = time.time()
        expires = int(now) + ttl_s
        fields = {
            "status": "queued",
            "rows": layout.rows,
            "names": json.dumps(layout.names),
            "encoding": layout.encoding,
            "delimiter": layout.delimiter,
            "trace_id": trace_id or "",
            "expires": expires,
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_key(report_id), mapping=fields)
            pipe.set(_key(report_id, "csv"), data)
            self._expire(pipe, expires, _key(report_id), _key(report_id, "csv"))
            pipe.zadd(_ALL, {report_id: expires})
            pipe.zadd(_OPEN, {report_id: now})
            await pipe.execute()

    async def get(self, report_id: str, *, columns: bool = True) -> Report | None:
        """Return a report; None where there is none.

        Args:
            report_id: the report.
            columns: whether with its columns' figures.
        """
        key = _key(report_id, "columns")
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(_key(report_id))
            pipe.hlen(key)
            if columns:
                pipe.hgetall(key)
            stored, done, *figures = await pipe.execute()
        if b"status" not in stored:
            return None
        in_order = sorted(figures[0].items(), key=lambda item: int(item[0])) if figures else []
        return Report(
            id=report_id,
            status=cast("Status", stored[b"status"].decode()),
            rows=int(stored[b"rows"]),
            names=json.loads(stored[b"names"]),
            split=b"split" in stored,
            done=done,
            columns=[json.loads(column) for _, column in in_order],
            trace_id=stored[b"trace_id"].decode() or None,
            error=stored.get(b"error", b"").decode() or None,
        )

    async def get_file(self, report_id: str) -> tuple[bytes, Layout] | None:
        """Return an upload and its layout; None where it is dropped or expired."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(_key(report_id, "csv"))
            pipe.hgetall(_key(report_id))
            data, stored = await pipe.execute()
        if data is None or b"status" not in stored:
            return None
        return data, Layout(
            names=json.loads(stored[b"names"]),
            rows=int(stored[b"rows"]),
            encoding=stored[b"encoding"].decode(),
            delimiter=stored[b"delimiter"].decode(),
        )

    async def put_cells(self, report_id: str, chunk: int, columns: list[bytes]) -> None:
        """Store the next cells of each column, as JSON lists; the same chunk again replaces itself."""
        expires = await self._expires(report_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            for index, cells in enumerate(columns):
                pipe.hset(_column_key(report_id, index), str(chunk), cells)
                self._expire(pipe, expires, _column_key(report_id, index))
            await pipe.execute()

    async def get_cells(self, report_id: str, index: int) -> list[bytes]:
        """Return the chunks of a column, as they were stored."""
        chunks = await self._redis.hgetall(_column_key(report_id, index))
        return [chunks[at] for at in sorted(chunks, key=int)]

    async def mark_split(self, report_id: str) -> None:
        """Note that each column is stored and its job on the way."""
        await self._set_while_open(report_id, "split", "1")

    async def put_figures(self, report_id: str, index: int, figures: dict[str, Any], chart: bytes) -> int:
        """Store what was found out about a column; return how many columns are analysed with it.

        Of columns that end side by side one alone gets the full number.
        """
        expires = await self._expires(report_id)
        keys = _key(report_id, "columns"), _key(report_id, "charts")
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(keys[0], str(index), json.dumps(figures, ensure_ascii=False))
            pipe.hset(keys[1], str(index), chart)
            pipe.hlen(keys[0])
            self._expire(pipe, expires, *keys)
            _, _, analysed, *_ = await pipe.execute()
        return int(analysed)

    async def analysed(self, report_id: str) -> set[int]:
        """Return which columns are analysed."""
        return {int(index) for index in await self._redis.hkeys(_key(report_id, "columns"))}

    async def get_chart(self, report_id: str, index: int) -> bytes | None:
        """Return a column's chart; None where there is none."""
        return cast("bytes | None", await self._redis.hget(_key(report_id, "charts"), str(index)))

    async def start(self, report_id: str) -> bool:
        """Make a report that has not ended a running one; tell whether it has not."""
        return await self._set_while_open(report_id, "status", "running")

    async def complete(self, report_id: str) -> None:
        """Make a report that has not ended a complete one, and drop what it was made of."""
        await self._set_while_open(report_id, "status", "complete")
        await self.drop_source(report_id)

    async def fail(self, report_id: str, error: str) -> None:
        """Make a report that has not ended a failed one, and drop what it was made of."""
        await self._set_while_open(report_id, "status", "failed", "error", error)
        await self.drop_source(report_id)

    async def list_open(self, *, older_than_s: float) -> list[str]:
        """Return the reports that were uploaded so long ago and have not ended."""
        until = time.time() - older_than_s
        return [report_id.decode() for report_id in await self._redis.zrangebyscore(_OPEN, 0, until)]

    async def list_expired(self) -> list[str]:
        """Return the reports whose time is over."""
        return [report_id.decode() for report_id in await self._redis.zrangebyscore(_ALL, 0, time.time())]

    async def delete(self, report_id: str) -> None:
        """Delete all that there is of a report."""
        await self.drop_source(report_id)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key(report_id), _key(report_id, "columns"), _key(report_id, "charts"))
            pipe.zrem(_ALL, report_id)
            await pipe.execute()

    async def ping(self) -> None:
        """Ask the Redis whether it is there."""
        await self._redis.ping()

    async def _set_while_open(self, report_id: str, *fields: str) -> bool:
        return bool(await self._redis.eval(_SET_WHILE_OPEN, 1, _key(report_id), *fields))

    async def drop_source(self, report_id: str) -> None:
        """Drop what a report that has ended was made of."""
        names = json.loads(await self._redis.hget(_key(report_id), "names") or b"[]")
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.unlink(_key(report_id, "csv"), *(_column_key(report_id, index) for index in range(len(names))))
            pipe.zrem(_OPEN, report_id)
            await pipe.execute()

    async def _expires(self, report_id: str) -> int:
        # A report that was deleted meanwhile: what is still written for it ends at once.
        return int(await self._redis.hget(_key(report_id), "expires") or 0)

    @staticmethod
    def _expire(pipe: Pipeline, expires: int, *keys: str) -> None:
        for key in keys:
            pipe.expireat(key, expires + _NET_S)


def store_of(queues: TaskQueues) -> Store:
    """Return the store in the broker of the queue `reports`."""
    return Store(cast("Any", queues.get("reports")).redis)


def _key(report_id: str, part: str = "") -> str:
    return f"report:{report_id}:{part}" if part else f"report:{report_id}"


def _column_key(report_id: str, index: int) -> str:
    return _key(report_id, f"column:{index}")
