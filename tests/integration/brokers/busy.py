"""A worker whose event loop is busy for longer than its lease lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

from redis.exceptions import RedisError

from litestar_saq import Worker

LEASE_S = 4.0


async def nothing(_ctx: Any) -> None: ...


@asynccontextmanager
async def leased_worker(queue: Any) -> AsyncIterator[Worker]:
    """Run a worker with a lease that is soon over."""
    queue.leases.lease_s = LEASE_S
    await queue.connect()
    worker = Worker(queue, [("nothing", nothing)])
    worker.start_in_background()
    yield worker
    await worker.stop_in_background()
    await queue.disconnect()


async def lives_while_it_is_busy(queue: Any, worker: Worker) -> None:
    """See that a worker's lease is kept while its loop is busy, once it is kept at the server that there is now.

    A machine that stands still ends a lease too, but hardly three times one after the other.
    """
    for _ in range(3):
        await _until_kept(queue, queue.leases.name(worker.id))
        began = time.monotonic()
        time.sleep(LEASE_S * 1.5)  # noqa: ASYNC251 - a loop that is busy is what is looked at
        if worker.id in (await queue.leases.workers())[0] and not worker.may_have_lost(began):
            return
    raise AssertionError("the lease was over while the loop was busy, three times")


async def _until_kept(queue: Any, name: str) -> None:
    left_ms: list[int] = []
    async with asyncio.timeout(60):
        while sum(later > earlier for earlier, later in pairwise(left_ms)) < 2:  # of the first the worker may not know
            with suppress(OSError, RedisError):
                left_ms.append(await queue.redis.pttl(name))
            await asyncio.sleep(0.05)
