"""A queue on a server that nobody else uses, and what is asked of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from litestar_saq import QueueConfig
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.config import decode_json, serializer


def make_queue(url: str, name: str = "turns") -> RedisQueue:
    queue = build_queue(QueueConfig(dsn=url, name=name), serializer, decode_json)
    assert isinstance(queue, RedisQueue)
    return queue


async def commands(queue: RedisQueue) -> dict[str, int]:
    """Return how often each command was sent or run by a script."""
    stats = await queue.redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}


async def stored(queue: RedisQueue, key: str) -> dict[str, Any]:
    return dict(json.loads(await queue.redis.get(queue.job_id(key))))


async def take(queue: RedisQueue, count: int = 1, worker_id: str = "w") -> list[tuple[Any, Any, bool]]:
    """Take jobs as a worker does, without one."""
    from litestar_saq.brokers._turns import Demand

    got: asyncio.Future[list[tuple[Any, Any, bool]]] = asyncio.get_running_loop().create_future()
    wanted = iter([count])
    queue.turns.demand = Demand(
        json.dumps(worker_id),
        lambda: next(wanted, 0),
        lambda rows, _: got.set_result(rows),
        lambda error, _: got.set_exception(error),
    )
    queue.turns.turn()
    rows = await asyncio.wait_for(got, 10)
    queue.turns.demand = None
    return rows


async def under_way(queue: RedisQueue) -> int:
    """Return how many scripts wait at a server that is paused."""
    return sum(client["cmd"] == "evalsha" for client in await queue.redis.client_list())
