"""What is stuck is swept once, side by side, and found again where a sweep is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from saq.job import Status

from litestar_saq.brokers import _sweeping
from litestar_saq.brokers.redis import RedisQueue
from tests.integration.brokers.engine.own_server import make_queue


@pytest.fixture
async def other(url: str) -> AsyncIterator[RedisQueue]:
    queue = make_queue(url)
    yield queue
    await queue.disconnect()


async def make_stuck(queue: RedisQueue, key: str = "k", **options: Any) -> None:
    """Leave a job in the active list as a dead worker does."""
    assert await queue.enqueue("f", key=key, **{"timeout": 1, "retries": 2, **options})
    job = await queue.dequeue(timeout=5)
    assert job
    job.started, job.attempts = 1, 1
    await job.update(status=Status.ACTIVE)


async def statuses(queue: RedisQueue, *keys: str) -> set[Status | None]:
    return {job and job.status for job in await queue.jobs(keys)}


async def until_aborting(queue: RedisQueue, *keys: str) -> None:
    async with asyncio.timeout(20):
        while await statuses(queue, *keys) != {Status.ABORTING}:
            await asyncio.sleep(0.02)


async def unlock(queue: RedisQueue) -> None:
    await queue.redis.delete(queue.namespace("sweep"))


async def test_a_job_whose_sweep_is_cut_off_is_found_by_the_next_one(queue: RedisQueue, other: RedisQueue) -> None:
    await make_stuck(queue)
    sweep = asyncio.create_task(other.sweep(lock=60, abort=60))
    await until_aborting(queue, "k")
    while not sweep.done():  # of Python 3.11's `wait_for`, which the client sends by, a cancellation may be lost
        sweep.cancel()
        await asyncio.wait((sweep,), timeout=0.2)
    assert await queue.count("active") == 1
    await unlock(queue)
    assert await queue.sweep(lock=60, abort=0.01) == [queue.job_id("k")]
    assert await statuses(queue, "k") == {Status.QUEUED}
    assert (await queue.count("queued"), await queue.count("active")) == (1, 0)


async def test_all_that_is_stuck_is_swept_at_a_time(queue: RedisQueue, other: RedisQueue) -> None:
    keys = [f"k{n}" for n in range(20)]
    for key in keys:
        await make_stuck(queue, key)
    sweep = asyncio.create_task(other.sweep(lock=60, abort=6))
    await until_aborting(queue, *keys)
    assert not sweep.done()
    assert len(await sweep) == 20
    assert (await queue.count("queued"), await queue.count("active")) == (20, 0)


async def test_two_sweeps_at_a_time_take_a_job_once(queue: RedisQueue, other: RedisQueue) -> None:
    await make_stuck(queue)
    sweeps = [asyncio.create_task(other.sweep(lock=60, abort=6))]
    await until_aborting(queue, "k")
    await unlock(queue)
    sweeps.append(asyncio.create_task(queue.sweep(lock=60, abort=6)))
    assert sum([len(await sweep) for sweep in sweeps]) == 1
    assert (await queue.count("queued"), await queue.count("active")) == (1, 0)


async def test_what_ends_while_it_is_swept_has_ended(queue: RedisQueue, other: RedisQueue) -> None:
    await make_stuck(queue)
    sweep = asyncio.create_task(other.sweep(lock=60, abort=20))
    await until_aborting(queue, "k")
    job = await queue.job("k")
    assert job
    await job.finish(Status.COMPLETE, result=1)
    assert await sweep == []
    assert await statuses(queue, "k") == {Status.COMPLETE}
    assert (await queue.count("queued"), await queue.count("active")) == (0, 0)


async def test_an_abort_whose_worker_is_gone_is_an_abort(
    queue: RedisQueue, other: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stuck(queue, timeout=0)
    job = await queue.job("k")
    assert job
    # As where whoever aborts it dies before it is out of the active list.
    job.error = "enough"
    await job.update(status=Status.ABORTING)
    assert await other.sweep(lock=60, abort=0.01) == []
    await unlock(queue)
    monkeypatch.setattr(_sweeping, "GRACE_S", 0.0)
    assert await other.sweep(lock=60, abort=0.01) == [queue.job_id("k")]
    ended = await queue.job("k")
    assert ended
    assert (ended.status, ended.error, await queue.count("active")) == (Status.ABORTED, "enough", 0)


async def test_a_connection_that_was_cut_while_idle_fails_nobody(queue: RedisQueue, url: str) -> None:
    job = await queue.enqueue("f", key="k")
    assert job

    async def listen() -> None:
        await queue.listen(["k"], lambda *_: True, 0.2)

    with pytest.raises(TimeoutError):
        await listen()
    await asyncio.gather(*(queue.redis.ping() for _ in range(5)))
    async with Redis.from_url(url) as redis:
        assert await redis.client_kill_filter(_type="normal", skipme=True)
        while len(await redis.client_list(_type="normal")) > 1:
            await asyncio.sleep(0.02)
    await asyncio.gather(*(queue.redis.ping() for _ in range(5)))
    with pytest.raises(TimeoutError):
        await listen()
