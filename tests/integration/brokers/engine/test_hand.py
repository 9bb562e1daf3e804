"""What a worker has at hand beside the jobs that run: it goes back in order, and none of it counts as an attempt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from saq.job import Job as StockJob
from saq.job import Status

from litestar_saq import Worker
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.jobs import Job
from tests.integration.brokers.engine.own_server import make_queue, stored, take

QUICK = 400
SLOW = 60


async def _waiting_keys(queue: RedisQueue) -> list[str]:
    ids = await queue.redis.lrange(queue.namespace("queued"), 0, -1)
    return [queue.job_key_from_id(job_id.decode()) for job_id in ids]


class Jobs:
    """Jobs that are quick, so that a worker has others at hand, and then slow ones, for which it must not."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ran: list[str] = []
        self.functions = [("quick", self._quick), ("slow", self._slow)]

    async def fill(self, queue: RedisQueue) -> list[str]:
        keys = [str(number) for number in range(QUICK + SLOW)]
        names = ["quick"] * QUICK + ["slow"] * SLOW
        await queue.enqueue_many(Job(name, key=key, timeout=0) for name, key in zip(names, keys, strict=True))
        return keys

    async def _quick(self, ctx: Any) -> None:
        self.ran.append(ctx["job"].key)
        await asyncio.sleep(0.001)

    async def _slow(self, ctx: Any) -> None:
        self.ran.append(ctx["job"].key)
        self.slow.set()
        await self.go_on.wait()


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_what_slow_jobs_hold_up_goes_back_in_order(queue: RedisQueue, concurrency: int) -> None:
    jobs = Jobs()
    keys = await jobs.fill(queue)
    worker = Worker(queue, jobs.functions, concurrency=concurrency)
    worker.start_in_background()
    await jobs.slow.wait()
    async with asyncio.timeout(20):
        # Of several slots' jobs those of the later answer may begin first.
        while (
            await queue.count("queued") + len(jobs.ran) != len(keys)
            or await queue.count("active") != concurrency
            or sum(int(key) >= QUICK for key in jobs.ran) != concurrency
        ):
            await asyncio.sleep(0.01)
    waiting = await _waiting_keys(queue)
    assert sorted(waiting + jobs.ran) == sorted(keys)
    assert len(waiting) >= SLOW - concurrency
    if concurrency == 1:
        assert waiting == keys[1 - SLOW :]
    for key in waiting:
        job = await stored(queue, key)
        assert (job["status"], job.get("attempts", 0), job.get("started", 0)) == ("queued", 0, 0)
        assert job.get("worker_id") is None
    jobs.go_on.set()
    async with asyncio.timeout(20):
        while await queue.count("incomplete"):
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert sorted(jobs.ran) == sorted(keys)
    assert {(job.status, job.attempts) for job in await queue.jobs(keys) if job} == {(Status.COMPLETE, 1)}


@pytest.mark.parametrize("concurrency", [1, 16])
async def test_at_the_end_it_goes_back_at_once_and_in_order(queue: RedisQueue, concurrency: int) -> None:
    jobs = Jobs()
    keys = await jobs.fill(queue)
    worker = Worker(queue, jobs.functions, concurrency=concurrency, shutdown_grace_period_s=20)
    worker.start_in_background()
    while len(jobs.ran) < QUICK // 2:
        await asyncio.sleep(0)
    await worker.stop_in_background()
    assert len(jobs.ran) < QUICK
    assert await queue.count("active") == 0
    waiting = await _waiting_keys(queue)
    assert sorted(waiting + jobs.ran) == sorted(keys)
    if concurrency == 1:
        assert waiting == keys[len(jobs.ran) :]
    for key in waiting:
        job = await stored(queue, key)
        assert (job["status"], job.get("attempts", 0)) == ("queued", 0)


async def test_a_worker_has_jobs_at_hand_where_they_are_quick(queue: RedisQueue) -> None:
    taken: set[int] = set()
    jobs = Jobs()
    await jobs.fill(queue)

    async def quick(_ctx: Any) -> None:
        taken.add(len(worker.held))
        await asyncio.sleep(0.001)

    worker = Worker(queue, [("quick", quick), ("slow", quick)], concurrency=4)
    worker.start_in_background()
    async with asyncio.timeout(20):
        while await queue.count("incomplete"):
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert max(taken) > 4


async def test_hooks_of_a_slot_s_jobs_do_not_overlap(queue: RedisQueue) -> None:
    seen: list[tuple[str, str]] = []

    async def before(ctx: Any) -> None:
        seen.append(("before", ctx["job"].key))

    async def after(ctx: Any) -> None:
        await asyncio.sleep(0.001)
        seen.append(("after", ctx["job"].key))

    async def job(ctx: Any) -> None:
        seen.append(("job", ctx["job"].key))

    keys = [str(number) for number in range(100)]
    await queue.enqueue_many(Job("job", key=key) for key in keys)
    worker = Worker(queue, [("job", job)], concurrency=1, before_process=before, after_process=after)
    worker.start_in_background()
    async with asyncio.timeout(20):
        while len(seen) < 300:
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert seen == [(what, key) for key in keys for what in ("before", "job", "after")]


@pytest.mark.parametrize("theirs", ["another worker has it", "it was aborted"])
async def test_a_job_that_is_somebody_else_s_does_not_go_back(queue: RedisQueue, url: str, theirs: str) -> None:
    await queue.enqueue("f", key="k")
    ((job_id, payload, begun),) = await take(queue)
    assert begun
    job = queue.deserialize(payload)
    assert job
    other = make_queue(url)
    await other.connect()
    if theirs == "it was aborted":
        await other.abort(StockJob("f", key="k", queue=other), "enough", ttl=60)
    else:
        await queue.redis.set(job_id, payload.replace(b'"worker_id":"w"', b'"worker_id":"x"'))
    before = await _all(queue.redis)
    await queue.unbegin(job, payload)
    assert await _all(queue.redis) == before
    await other.disconnect()


async def test_after_many_jobs_the_next_one_is_waited_for(queue: RedisQueue) -> None:
    jobs = Jobs()
    worker = Worker(queue, jobs.functions, concurrency=20)
    worker.start_in_background()
    # One by one, faster than they would be waited for.
    for number in range(QUICK):
        await queue.enqueue("quick", key=f"n{number}")
    async with asyncio.timeout(20):
        while await queue.count("incomplete"):
            await asyncio.sleep(0.01)
        while not any(client["cmd"] == "blmove" for client in await queue.redis.client_list()):
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert len(jobs.ran) == QUICK


async def _all(redis: Any) -> dict[bytes, Any]:
    async def value(key: bytes) -> Any:
        kind = await redis.type(key)
        if kind == b"list":
            return await redis.lrange(key, 0, -1)
        return await redis.zrange(key, 0, -1, withscores=True) if kind == b"zset" else await redis.get(key)

    return {key: await value(key) for key in await redis.keys("*")}
