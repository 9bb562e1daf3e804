"""What a queue on Redis holds, whether or not the client decodes its answers."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

from saq.utils import now

from litestar_saq.exceptions import UnreadableJobError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from saq.job import Job as SaqJob
    from saq.types import QueueInfo, WorkerInfo

    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("find_jobs", "queue_info", "text")

logger = logging.getLogger(__name__)


def text(value: bytes | str) -> str:
    """Return what a client that decodes would have given; what is no UTF-8 is none of ours, and stays unlike it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


async def queue_info(queue: RedisQueue, first: int, last: int) -> QueueInfo:
    """Return what SAQ's `Queue.info` does.

    Args:
        queue: the queue.
        first: where its listed jobs begin, active ones and incomplete ones each.
        last: where they end; before `first` where none are listed.
    """
    redis = cast("Any", queue.redis)
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrangebyscore(queue.namespace("stats"), now(), "inf")
        pipe.llen(queue.namespace("queued"))
        pipe.llen(queue.namespace("active"))
        pipe.zcard(queue.namespace("incomplete"))
        if first <= last:
            pipe.lrange(queue.namespace("active"), first, last)
            pipe.zrange(queue.namespace("incomplete"), first, last)
        stats, queued, active, incomplete, *listed = await pipe.execute()
    worker_ids = [text(key).rsplit(":", 1)[-1] for key in stats]
    told = await redis.mget([queue.namespace(f"worker_info:{one}") for one in worker_ids]) if worker_ids else []
    jobs = await _jobs(queue, dict.fromkeys(job_id for ids in listed for job_id in ids))
    return {
        "workers": dict(_workers(queue, zip(worker_ids, told, strict=True))),
        "name": queue.name,
        "queued": queued,
        "active": active,
        "scheduled": incomplete - queued - active,
        "jobs": cast("Any", [job.to_dict() for job in jobs]),
    }


def _workers(queue: RedisQueue, told: Iterable[tuple[str, bytes | str | None]]) -> Iterator[tuple[str, WorkerInfo]]:
    for worker_id, info in told:
        if not info:
            continue
        try:
            read = json.loads(info)
        except ValueError:
            read = None
        if isinstance(read, dict):
            yield worker_id, cast("WorkerInfo", read)
        else:
            logger.debug("What worker %r of queue %r tells of itself can't be read", worker_id, queue.name)


async def find_jobs(queue: RedisQueue, batch_size: int) -> AsyncIterator[SaqJob]:
    """Give every stored job of a queue, ended ones too, with so many keys looked at in a round trip."""
    cursor = None
    while cursor != 0:
        found = cast("Any", queue.redis).scan(cursor=cursor or 0, match=queue.job_id("*"), count=batch_size)
        cursor, ids = await found
        for job in await _jobs(queue, ids):
            yield job


async def _jobs(queue: RedisQueue, ids: Iterable[bytes | str]) -> list[SaqJob]:
    wanted = list(ids)
    payloads = await cast("Any", queue.redis).mget(wanted) if wanted else []
    return [job for payload in payloads if (job := _read(queue, payload)) is not None]


def _read(queue: RedisQueue, payload: bytes | str | None) -> SaqJob | None:
    try:
        return queue.deserialize(payload)
    except UnreadableJobError:  # who works on the queue tells of it
        return None
