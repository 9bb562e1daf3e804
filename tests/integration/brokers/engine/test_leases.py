"""The jobs of a worker that dies go to the others, whatever their time-outs; those of one that lives never do."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from redis import Redis
from saq.job import Job as StockJob
from saq.job import Status
from saq.queue.redis import RedisQueue as SaqRedisQueue

from litestar_saq import Worker
from litestar_saq.brokers import _aborts
from litestar_saq.brokers import redis as brokers_redis
from litestar_saq.brokers.redis import RedisQueue
from tests.integration.brokers.engine.own_server import make_queue, stored, take


async def nothing(_ctx: Any) -> None:
    pass


async def take_as(queue: RedisQueue, worker_id: str, *keys: str, **options: Any) -> None:
    """Take jobs as a worker that dies then."""
    for key in keys:
        assert await queue.enqueue("f", key=key, **options)
    await queue.leases.hold(worker_id)
    assert len(await take(queue, len(keys), worker_id)) == len(keys)


async def let_lapse(queue: RedisQueue, worker_id: str) -> None:
    await queue.redis.delete(queue.leases.name(worker_id))


async def recover(queue: RedisQueue) -> list[str]:
    await queue.redis.delete(queue.namespace("recover"))
    return await queue.recover()


async def test_jobs_of_a_dead_worker_are_queued_again(queue: RedisQueue) -> None:
    await take_as(queue, "w", "a", "b", timeout=0)
    assert await recover(queue) == []
    await let_lapse(queue, "w")
    assert set(await recover(queue)) == {queue.job_id("a"), queue.job_id("b")}
    assert (await queue.count("queued"), await queue.count("active")) == (2, 0)
    job = await queue.job("a")
    assert job
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert await recover(queue) == []


async def test_a_job_that_a_dead_worker_had_only_taken_costs_nothing(queue: RedisQueue) -> None:
    # Of one that was retried, nothing is written when it is taken.
    await queue.enqueue("f", key="k", retries=3)
    job = await queue.dequeue(timeout=5)
    assert job
    job.attempts = 1
    await job.retry("again")
    await queue.leases.hold("w")
    assert await take(queue, 1, "w")
    assert (await stored(queue, "k"))["status"] == "queued"
    await let_lapse(queue, "w")
    assert await recover(queue) == [queue.job_id("k")]
    again = await queue.job("k")
    assert again
    assert (again.attempts, await queue.count("queued"), await queue.count("active")) == (1, 1, 0)
    assert not await queue.redis.exists(queue.namespace("taken"))


async def test_jobs_that_a_dead_worker_had_at_hand_beside_those_that_ran_cost_nothing(queue: RedisQueue) -> None:
    """They are marked when they are taken; a job that kills its worker must not have them given up with it."""
    for key in "abcde":
        assert await queue.enqueue("f", key=key)
    for number in range(4):
        await queue.leases.hold(f"w{number}", 2)
        await take(queue, 5, f"w{number}")
        await let_lapse(queue, f"w{number}")
        assert set(await recover(queue)) == {queue.job_id(key) for key in "abcde"}
        if not number:
            first = await queue.redis.lrange(queue.namespace("queued"), 0, 2)
            assert [job_id.decode()[-1] for job_id in first] == ["c", "d", "e"]
            losses = {key: (await stored(queue, key)).get("meta", {}).get("_losses") for key in "abcde"}
            assert losses == {"a": 1, "b": 1, "c": None, "d": None, "e": None}
            attempts = {key: (await stored(queue, key)).get("attempts") for key in "abcde"}
            assert attempts == {"a": 1, "b": 1, "c": None, "d": None, "e": None}
    assert not await queue.redis.exists(queue.namespace("slots"))
    assert await queue.count("incomplete") == 5, "each had two losses at most"


async def test_an_abort_whose_worker_is_dead_is_ended(queue: RedisQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    await take_as(queue, "w", "k")
    job = await queue.job("k")
    assert job
    await job.abort("enough")
    monkeypatch.setattr(_aborts, "GRACE_S", 0.0)
    assert await queue.sweep(lock=1) == []
    assert (await stored(queue, "k"))["status"] == "aborting", "its worker lives"
    await let_lapse(queue, "w")
    await queue.redis.delete(queue.namespace("sweep"), queue.namespace("aborts"))
    assert await queue.sweep(lock=1) == [job.id]
    ended = await queue.job("k")
    assert ended
    assert (ended.status, ended.error) == (Status.ABORTED, "enough")
    await queue.redis.delete(queue.namespace("sweep"), queue.namespace("aborts"))
    assert await queue.sweep(lock=1) == []
    assert not await queue.redis.exists(queue.namespace("aborting"))


async def test_an_abort_whose_worker_is_dead_is_ended_with_its_lease_where_other_jobs_run(queue: RedisQueue) -> None:
    await take_as(queue, "living", "other")
    await take_as(queue, "w", "k")
    job = await queue.job("k")
    assert job
    await job.abort("enough")
    assert await recover(queue) == []
    assert (await stored(queue, "k"))["status"] == "aborting"
    await let_lapse(queue, "w")
    await recover(queue)
    assert [(await stored(queue, key))["status"] for key in ("k", "other")] == ["aborted", "active"]


async def test_an_abort_of_a_killed_worker_is_ended_by_its_successor(queue: RedisQueue) -> None:
    await take_as(queue, "w", "k")
    # What a caller holds may be as old as its enqueue.
    await StockJob("f", key="k", queue=queue).abort("enough")
    assert (await stored(queue, "k"))["worker_id"] == "w"
    await let_lapse(queue, "w")
    assert await queue.leases.succeed("w")
    assert (await stored(queue, "k"))["status"] == "aborted"


async def test_what_a_frozen_worker_ends_late_is_dropped(queue: RedisQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease is kept again by then, as if nothing had been."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def f(_ctx: Any) -> str:
        begun.set()
        await may_end.wait()
        return "late"

    worker = Worker(queue, [("f", f)], concurrency=1)
    await queue.enqueue("f", key="k", retries=5)
    worker.start_in_background()
    await begun.wait()
    lease = worker._lease
    assert lease
    monkeypatch.setattr(queue.leases, "lease_s", 0.0)
    async with asyncio.timeout(30):
        while not lease.lapsed:
            await asyncio.sleep(0.01)
    # Another one has taken it meanwhile.
    taken = await queue.job("k")
    assert taken
    taken.attempts, taken.worker_id, taken.started = 2, "other", taken.started + 1
    await queue.redis.set(taken.id, queue.serialize(taken))
    lease._note(time.monotonic())
    monkeypatch.setattr(queue.leases, "lease_s", 10.0)
    assert not lease.lapsed
    may_end.set()
    await worker.stop_in_background()
    assert (await stored(queue, "k"))["worker_id"] == "other"
    assert (await stored(queue, "k"))["status"] == "active"


async def test_jobs_of_stock_workers_are_left_alone(queue: RedisQueue, url: str) -> None:
    await queue.enqueue("f", key="k", timeout=0)
    stock = SaqRedisQueue.from_url(url, name=queue.name)
    job = await stock.dequeue(timeout=5)
    assert job
    job.worker_id, job.attempts = "stock", 1
    await job.update(status=Status.ACTIVE)
    await stock.disconnect()
    await take_as(queue, "w", "ours")
    await let_lapse(queue, "w")
    assert await recover(queue) == [queue.job_id("ours")]
    assert (await stored(queue, "k"))["status"] == "active"


async def test_a_job_that_kills_its_workers_is_given_up(queue: RedisQueue) -> None:
    await queue.enqueue("f", key="k", retries=10)
    for worker_id in ("w1", "w2", "w3"):
        await queue.leases.hold(worker_id)
        ((_, payload, _),) = await take(queue, 1, worker_id)
        job = queue.deserialize(payload)
        assert job
        job.worker_id, job.attempts = worker_id, job.attempts or 1
        await job.update(status=Status.ACTIVE)
        await let_lapse(queue, worker_id)
        assert await recover(queue) == [queue.job_id("k")]
    ended = await queue.job("k")
    assert ended
    assert (ended.status, ended.error) == (Status.FAILED, "given up: 3 workers have died while they had it")


@pytest.mark.parametrize(("meta", "status"), [({}, Status.QUEUED), ({"on_worker_loss": "abort"}, Status.ABORTED)])
async def test_what_a_loss_means_is_the_job_s_to_say(queue: RedisQueue, meta: dict[str, Any], status: Status) -> None:
    await take_as(queue, "w", "k", meta=meta)
    await let_lapse(queue, "w")
    await recover(queue)
    job = await queue.job("k")
    assert job
    assert job.status is status


async def test_what_a_stranger_asks_for_and_there_is_not_is_told(
    queue: RedisQueue, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stock = SaqRedisQueue.from_url(url, name=queue.name)
    await stock.enqueue("f", key="k", meta={"on_worker_loss": "ignore"})
    await stock.disconnect()
    await queue.leases.hold("w")
    ((_, payload, _),) = await take(queue, 1, "w")
    job = queue.deserialize(payload)
    assert job
    job.worker_id, job.attempts = "w", 1
    await job.update(status=Status.ACTIVE)
    await let_lapse(queue, "w")
    await recover(queue)
    assert (await stored(queue, "k"))["status"] == "queued"
    assert "on_worker_loss='ignore'" in caplog.text


async def test_a_job_with_no_retry_left_is_run_once_more(queue: RedisQueue) -> None:
    await take_as(queue, "w", "k", retries=1)
    await let_lapse(queue, "w")
    await recover(queue)
    runs = []

    async def f(ctx: Any) -> None:
        runs.append(ctx["job"].attempts)

    worker = Worker(queue, [("f", f)])
    worker.start_in_background()
    job = await queue.job("k")
    assert job
    await job.refresh(until_complete=20)
    await worker.stop_in_background()
    assert (job.status, runs) == (Status.COMPLETE, [2])


async def test_a_worker_has_a_lease_for_as_long_as_it_runs(queue: RedisQueue) -> None:
    worker = Worker(queue, [("f", asyncio.sleep)], id="w")
    worker.start_in_background()
    async with asyncio.timeout(20):
        while (await queue.leases.workers())[0] != {"w"}:
            await asyncio.sleep(0.02)
    await worker.stop_in_background()
    assert await queue.leases.workers() == (frozenset(), frozenset())


async def test_what_a_living_worker_has_taken_is_never_swept(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers_redis, "FETCH_GRACE_S", 0.0)
    monkeypatch.setattr(queue.leases, "lease_s", 600)
    await queue.enqueue("f", key="taken", retries=3)
    job = await queue.dequeue(timeout=5)
    assert job
    job.attempts = 1
    await job.retry("again")
    await queue.leases.hold("w")
    assert await take(queue, 1, "w")
    # By the clock of another machine it is overdue by a minute.
    await take_as(queue, "w", "runs", timeout=1, heartbeat=60)
    runs = await stored(queue, "runs")
    runs["started"] -= 120_000
    runs["touched"] -= 120_000
    await queue.redis.set(queue.job_id("runs"), json.dumps(runs))
    for _ in range(2):
        await queue.redis.delete(queue.namespace("sweep"))
        assert await queue.sweep(lock=60, abort=0.01) == []
    assert await queue.count("active") == 2


async def test_a_worker_with_the_id_of_a_killed_one_takes_its_jobs_first(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.leases, "lease_s", 1.0)
    await take_as(queue, "w", "k", timeout=0)
    worker = Worker(queue, [("f", nothing)], id="w")
    worker.start_in_background()
    job = await queue.job("k")
    assert job
    await job.refresh(until_complete=20)
    assert (job.status, job.attempts) == (Status.COMPLETE, 2)
    await worker.stop_in_background()


async def test_a_worker_that_comes_alone_after_a_killed_one_has_its_jobs(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.leases, "lease_s", 1.0)
    await take_as(queue, "w", "k", timeout=0)
    worker = Worker(queue, [("f", nothing)])
    worker.start_in_background()
    job = await queue.job("k")
    assert job
    await job.refresh(until_complete=20)
    assert (job.status, job.attempts) == (Status.COMPLETE, 2)
    await worker.stop_in_background()


async def test_of_two_workers_of_one_id_the_later_has_no_lease(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def f(_ctx: Any) -> None:
        begun.set()
        await may_end.wait()

    monkeypatch.setattr(queue.leases, "lease_s", 600)
    await queue.leases.hold("w")
    monkeypatch.setattr(queue.leases, "lease_s", 0.2)
    worker = Worker(queue, [("f", f)], id="w")
    worker.start_in_background()
    await queue.enqueue("f", key="k")
    await asyncio.wait_for(begun.wait(), 20)
    assert "Another worker has the id 'w' too" in caplog.text
    assert (await queue.leases.workers())[0] == {"w"}
    # What the first one's death does to the later one's jobs.
    await let_lapse(queue, "w")
    assert await recover(queue) == [queue.job_id("k")]
    may_end.set()
    await worker.stop_in_background()


async def test_an_outage_that_is_longer_than_a_lease_makes_nobody_a_dead_worker(queue: RedisQueue, url: str) -> None:
    # The leases of all are over, and who comes back first would find the others' over.
    other = make_queue(url)
    other.leases.lease_s = 600.0
    await take_as(other, "w", "k", timeout=0)
    queue.leases.lease_s = 2.0
    looks = Worker(queue, [("f", nothing)], concurrency=1)
    looks.start_in_background()
    lease = looks._lease
    assert lease
    async with asyncio.timeout(20):
        while not lease.is_steady:
            await asyncio.sleep(0.02)
    with Redis.from_url(url) as admin:
        admin.client_pause(60_000, all=False)
        async with asyncio.timeout(20):
            while not lease.lapsed:
                await asyncio.sleep(0.02)
        admin.client_unpause()
    await let_lapse(queue, "w")
    was_steady = False
    async with asyncio.timeout(20):
        while (await stored(queue, "k"))["status"] == "active":
            was_steady = lease.is_steady
            await asyncio.sleep(0.02)
    assert was_steady or lease.is_steady
    await looks.stop_in_background()
    await other.disconnect()
