"""What a stranger has written into a queue's own keys holds up nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from saq.job import Status

from litestar_saq import Worker
from litestar_saq.brokers.redis import RedisQueue

GONE = frozenset({"gone"})
GARBAGE = [b"", b"\xff\xfe", b"{", b"[]", b"7", b'"gone"']


async def add(_ctx: Any, *, a: int) -> int:
    return a + 1


async def litter(queue: RedisQueue, garbage: bytes) -> None:
    """Write something into each key that is not a job's."""
    redis: Any = queue.redis
    key = queue.namespace
    await redis.hset(key("hash"), "a", "b")  # it stands for a job, and is none
    for job_id in (garbage, queue.job_id("none"), key("hash")):
        await redis.rpush(key("queued"), job_id)
        await redis.rpush(key("active"), job_id)
        await redis.zadd(key("incomplete"), {job_id: 1})
        await redis.zadd(key("aborting"), {job_id: 1})
        await redis.hset(key("taken"), job_id, garbage)
        await redis.hset(key("fetched"), job_id, garbage)
    await redis.sadd(key("leased"), garbage)
    await redis.hset(key("slots"), "gone", garbage)
    await redis.set(key("worker_info:w"), garbage)
    await redis.zadd(key("stats"), {garbage: 2**52, key("worker_info:w"): 2**52, key("hash"): 2**52})


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_jobs_are_run_recovered_and_listed_beside_it(queue: RedisQueue, garbage: bytes) -> None:
    redis: Any = queue.redis
    lost = await queue.enqueue("add", key="lost", a=1, timeout=0)
    assert lost
    fetched = await queue.dequeue(timeout=5)
    assert fetched
    fetched.attempts, fetched.started, fetched.worker_id = 1, 1, "gone"
    await queue.update(fetched, status=Status.ACTIVE)
    await litter(queue, garbage)
    assert queue.job_id("lost") in await queue.recover_from(GONE)
    worker = Worker(queue, [("add", add)], concurrency=2)
    worker.start_in_background()
    await lost.refresh(until_complete=30)
    assert (lost.status, lost.result) == (Status.COMPLETE, 2)
    assert await queue.apply("add", a=2, timeout=30) == 3
    assert "w" not in (await queue.info(jobs=True))["workers"]
    await queue.schedule(lock=1)
    for _ in range(2):
        await redis.delete(queue.namespace("sweep"), queue.namespace("aborts"))
        await queue.sweep(lock=1)
    assert [job.key async for job in queue.iter_jobs()]
    assert await queue.count("active") == 0
    await worker.stop_in_background()


async def test_what_a_stranger_publishes_wakes_nobody_up(queue: RedisQueue) -> None:
    job = await queue.enqueue("add", a=1)
    assert job
    heard: list[Status] = []

    def hear(_key: str, status: Status) -> bool:
        heard.append(status)
        return status is Status.COMPLETE

    listening = asyncio.create_task(queue.listen([job.key], hear, timeout=30))
    redis: Any = queue.redis
    async with asyncio.timeout(30):
        while not await redis.publish(job.id, b"\xff"):
            await asyncio.sleep(0.01)
    await redis.publish(job.id, "tired")
    worker = Worker(queue, [("add", add)])
    worker.start_in_background()
    await listening
    assert heard[-1] is Status.COMPLETE
    await worker.stop_in_background()
