"""Who waits for jobs is told of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import TimeoutError as LateAnswerError
from saq.job import Status

from litestar_saq import Worker
from litestar_saq.brokers import _waiting
from litestar_saq.brokers._call import ask
from litestar_saq.brokers.redis import RedisQueue
from tests.integration.brokers.engine.own_server import commands, take


async def test_a_result_is_told_of(queue: RedisQueue) -> None:
    async def add(_ctx: Any, *, a: int, b: int) -> int:
        return a + b

    async def fail(_ctx: Any) -> None:
        raise ValueError("no")

    worker = Worker(queue, [("add", add), ("fail", fail)])
    worker.start_in_background()
    assert await queue.apply("add", a=1, b=2, timeout=10) == 3
    before = await commands(queue)
    results = await queue.map("add", [{"a": n, "b": 1} for n in range(20)], timeout=10)
    assert results == list(range(1, 21))
    assert (await commands(queue)).get("mget", 0) - before.get("mget", 0) <= 20
    failed = await queue.map("fail", [{}, {}], timeout=10, return_exceptions=True)
    assert [str(one).count("no") > 0 for one in failed] == [True, True]
    with pytest.raises(TimeoutError):
        await queue.apply("nobody", timeout=0.2, retries=1, scheduled=2**31)
    await worker.stop_in_background()


async def test_who_listens_is_told_of_what_came_before_and_after(
    queue: RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_waiting, "_NET_S", 60.0)  # who looks for himself may look after the last of two
    told: list[tuple[str, Status]] = []

    def note(key: str, status: Status) -> bool:
        told.append((key, status))
        return len(told) == 3

    await queue.enqueue("f", key="before")
    await queue.enqueue("f", key="after")
    before, after = [queue.deserialize(payload) for _, payload, _ in await take(queue, 2)]
    assert before
    assert after
    await before.finish(Status.COMPLETE)
    listening = asyncio.create_task(queue.listen(["before", "after"], note, timeout=20))
    while not told:
        await asyncio.sleep(0.01)
    await after.update(status=Status.ACTIVE)
    await after.finish(Status.FAILED)
    await listening
    assert told == [("before", Status.COMPLETE), ("after", Status.ACTIVE), ("after", Status.FAILED)]


async def test_who_listens_gives_up_in_time(queue: RedisQueue) -> None:
    async def never(_key: str, _status: Status) -> bool:
        return False

    job = await queue.enqueue("f", key="k", kwargs={"secret": "an argument"})
    assert job
    with pytest.raises(TimeoutError, match="nothing was told of k for"):
        await queue.listen(["k"], never, timeout=0.1)
    with pytest.raises(TimeoutError):
        await job.refresh(until_complete=0.1)


async def test_a_result_that_nobody_told_of_is_found(queue: RedisQueue, url: str) -> None:
    waiting = asyncio.ensure_future(queue.apply("add", key="k", timeout=20))
    while not await queue.count("queued"):
        await asyncio.sleep(0.01)
    # As by a worker that died before it published.
    job = await queue.job("k")
    assert job
    job.status, job.result = Status.COMPLETE, 7
    await queue.redis.set(job.id, queue.serialize(job))
    assert await waiting == 7


async def test_an_answer_that_comes_too_late_is_nobody_s(queue: RedisQueue) -> None:
    pool = queue.redis.connection_pool
    connection = await pool.get_connection()
    with pytest.raises(LateAnswerError, match=r"no answer within 0\.2 s"):
        await ask(connection, "BLMOVE", "none", "other", "LEFT", "RIGHT", 20, timeout_s=0.2)
    await pool.release(connection)
    assert await asyncio.wait_for(queue.redis.echo("mine"), 10) in {"mine", b"mine"}
