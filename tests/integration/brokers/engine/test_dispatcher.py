"""A worker takes as many jobs as it has slots, each once, whatever becomes of its connections."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest
from saq.job import Status

from litestar_saq import Worker
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.jobs import Job
from tests.integration.brokers.engine.own_server import commands, make_queue, take

JOBS = 2000


async def test_jobs_are_taken_and_ended_in_few_round_trips(queue: RedisQueue) -> None:
    async def no_op(_ctx: Any) -> None:
        """Do nothing."""

    await queue.enqueue_many(Job("no_op") for _ in range(500))
    before = await commands(queue)
    worker = Worker(queue, [("no_op", no_op)], concurrency=50)
    worker.start_in_background()
    while queue.complete < 500:
        await asyncio.sleep(0.01)
    after = await commands(queue)
    await worker.stop_in_background()
    # The first one takes 50, each of the others tells of some and takes as many.
    assert after["evalsha"] - before.get("evalsha", 0) < 100
    assert await queue.count("incomplete") == 0


async def test_a_slot_that_waits_for_its_jobs_outcome_is_not_kept_waiting(queue: RedisQueue) -> None:
    apart: set[float] = set()

    async def no_op(_ctx: Any) -> None:
        """Do nothing."""

    async def look(_ctx: Any) -> None:
        apart.add(queue.turns.apart_s)

    await queue.enqueue_many(Job("no_op") for _ in range(JOBS))
    worker = Worker(queue, [("no_op", no_op)], concurrency=10, after_process=[look])
    worker.start_in_background()
    while queue.complete < JOBS:
        await asyncio.sleep(0.01)
    await worker.stop_in_background()
    # Its hook follows upon the outcome, which goes with the next round trip; that is at once.
    assert apart == {0.0}


async def test_never_more_jobs_run_than_there_are_slots(queue: RedisQueue) -> None:
    running = most = 0

    async def count(_ctx: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await queue.enqueue_many(Job("count") for _ in range(60))
    worker = Worker(queue, [("count", count)], concurrency=7)
    worker.start_in_background()
    while queue.complete < 60:
        await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert most == 7


@pytest.mark.parametrize("concurrency", [1, 50])
@pytest.mark.parametrize("hooked", [False, True])
async def test_a_job_has_nothing_of_the_one_before_it_in_its_context(
    queue: RedisQueue, concurrency: int, hooked: bool
) -> None:
    tenant = ContextVar("tenant", default="nobody")
    found: set[str] = set()

    async def enter(ctx: Any) -> None:
        found.add(tenant.get())
        tenant.set(ctx["job"].key)

    async def work(_ctx: Any) -> None:
        if not hooked:
            found.add(tenant.get())
            tenant.set("somebody")

    await queue.enqueue_many(Job("work") for _ in range(300))
    worker = Worker(queue, [("work", work)], concurrency=concurrency, before_process=[enter] if hooked else None)
    worker.start_in_background()
    while queue.complete < 300:
        await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert found == {"nobody"}


async def test_an_idle_worker_asks_little_and_ends_at_once(queue: RedisQueue) -> None:
    worker = Worker(queue, [("f", print)])
    worker.start_in_background()
    while not any(client["cmd"] == "blmove" for client in await queue.redis.client_list()):
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    before, began = await queue.redis.info("stats"), loop.time()
    await asyncio.sleep(4)
    after, seconds = await queue.redis.info("stats"), loop.time() - began
    # One of them is this test's own.
    asked = after["total_commands_processed"] - before["total_commands_processed"] - 1
    assert asked / seconds < 4
    began = loop.time()
    await worker.stop_in_background()
    assert loop.time() - began < 10  # a wait that nobody ends lasts 15 s


async def test_each_job_runs_once_while_connections_are_cut(queue: RedisQueue, url: str) -> None:
    ran: list[int] = []

    async def note(_ctx: Any, *, number: int) -> None:
        ran.append(number)
        await asyncio.sleep(0.001)

    worker = Worker(queue, [("note", note)], concurrency=8)
    await queue.enqueue_many(Job("note", key=str(n), kwargs={"number": n}, timeout=0) for n in range(JOBS))
    cutter = make_queue(url, "cutter")
    await cutter.connect()
    worker.start_in_background()
    cuts = 0
    async with asyncio.timeout(60):
        while len(set(ran)) < JOBS:
            seen = len(ran)
            while len(ran) < min(seen + JOBS // 10, JOBS):
                await asyncio.sleep(0)
            cuts += await cutter.redis.client_kill_filter(_type="normal", skipme=True)
        while await cutter.redis.zcard(queue.namespace("incomplete")):
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    await cutter.disconnect()
    assert cuts >= 5
    assert sorted(ran) == list(range(JOBS))
    jobs = await queue.jobs(str(n) for n in range(JOBS))
    assert {(job.status, job.attempts) for job in jobs if job} == {(Status.COMPLETE, 1)}


async def test_jobs_of_an_answer_that_was_lost_are_run(queue: RedisQueue, url: str) -> None:
    ran = asyncio.Event()

    async def run(_ctx: Any) -> None:
        ran.set()

    # A worker has taken it, and the connection was cut before it heard of that.
    worker = Worker(queue, [("run", run)])
    await queue.enqueue("run", key="k", timeout=0)
    queue.turns.demand = None
    ((_, payload, begun),) = await take(queue)
    assert begun
    text = payload.decode().replace('"worker_id":"w"', f'"worker_id":"{worker.id}"')
    await queue.redis.set(queue.job_id("k"), text)

    worker.start_in_background()
    while not any(client["cmd"] == "blmove" for client in await queue.redis.client_list()):
        await asyncio.sleep(0.01)
    await queue.redis.client_kill_filter(_type="normal", skipme=True)
    await asyncio.wait_for(ran.wait(), 20)
    await worker.stop_in_background()
    job = await queue.job("k")
    assert job
    assert (job.status, job.attempts) == (Status.COMPLETE, 1)


async def test_two_workers_of_one_queue_object_share_its_jobs(queue: RedisQueue) -> None:
    async def no_op(_ctx: Any) -> None:
        """Do nothing."""

    first, second = (Worker(queue, [("no_op", no_op)]) for _ in range(2))
    first.start_in_background()
    second.start_in_background()
    await queue.map("no_op", [{} for _ in range(50)], timeout=20)
    await first.stop_in_background()
    await queue.map("no_op", [{} for _ in range(5)], timeout=20)
    await second.stop_in_background()
    assert queue.complete == 55
