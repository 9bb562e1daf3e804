"""An outcome that can't be written is written when the server answers again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from saq.job import Status

from litestar_saq import Job, QueueConfig, Worker, _run
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.config import decode_json, serializer


@pytest.fixture
async def hasty(url: str) -> AsyncIterator[RedisQueue]:
    """A queue that waits for no answer for long."""
    config = QueueConfig(dsn=url, name="turns", broker_instance_options={"socket_timeout": 1})
    queue = build_queue(config, serializer, decode_json)
    assert isinstance(queue, RedisQueue)
    yield queue
    await queue.disconnect()


@pytest.fixture
def server_admin(url: str) -> Iterator[Redis]:
    with Redis.from_url(url) as redis:
        yield redis


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "_WRITE_BACKOFF_S", 0.01)
    monkeypatch.setattr(_run, "_WRITE_BACKOFF_MAX_S", 0.02)


class Work:
    """A job that ends when it may."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.runs = 0

    async def run(self, _ctx: Any) -> int:
        self.runs += 1
        self.begun.set()
        await self.may_end.wait()
        return 7


async def nothing(_ctx: Any, *, text: str = "") -> None: ...


async def until_told(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(30):
        while text not in caplog.text:
            await asyncio.sleep(0.02)


async def test_an_outcome_is_written_once_the_server_answers(
    hasty: RedisQueue, server_admin: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # More often than a worker tries that ends.
    monkeypatch.setattr(_run, "_TELL_TRIES", _run._WRITE_TRIES + 2)
    work = Work()
    worker = Worker(hasty, [("work", work.run)], concurrency=2)
    job = await hasty.enqueue("work", retries=3)
    assert job
    worker.start_in_background()
    await work.begun.wait()
    server_admin.client_pause(60_000, all=False)
    work.may_end.set()
    await until_told(caplog, "can't be written yet")
    server_admin.client_unpause()
    await job.refresh(until_complete=20)
    assert (job.status, job.result, work.runs) == (Status.COMPLETE, 7, 1)
    assert await hasty.count("active") == 0
    assert worker.unwritten == set()
    await worker.stop_in_background()


def fill(server: Redis) -> None:
    server.config_set("maxmemory", 1)


def demote(server: Redis) -> None:
    server.replicaof("127.0.0.1", 1)


def isolate(server: Redis) -> None:
    server.config_set("min-replicas-to-write", 1)


class Outage:
    """A time in which a server answers and writes nothing.

    Args:
        server: the server.
        begin: begins it.
    """

    def __init__(self, server: Redis, begin: Callable[[Redis], None]) -> None:
        self._server, self._begin = server, begin
        self.has_begun = False

    def begin(self) -> None:
        self.has_begun = True
        self._begin(self._server)

    def end(self) -> None:
        self._server.config_set("maxmemory", 0)
        self._server.config_set("min-replicas-to-write", 0)
        self._server.replicaof("NO", "ONE")


@pytest.fixture(params=[fill, demote, isolate])
def outage(server_admin: Redis, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Outage]:
    caplog.set_level(logging.INFO, "litestar_saq._dispatcher")
    outage = Outage(server_admin, request.param)
    yield outage
    outage.end()


async def test_a_server_that_writes_nothing_for_now_loses_nothing(
    queue: RedisQueue, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    worker = Worker(queue, [("work", work.run), ("nothing", nothing)], concurrency=2)
    job = await queue.enqueue("work", retries=3)
    assert job
    worker.start_in_background()
    await work.begun.wait()
    outage.begin()
    with pytest.raises(RedisError):
        await queue.enqueue("nothing", key="refused")
    work.may_end.set()
    await until_told(caplog, "can't be reached, trying again")
    outage.end()
    await until_told(caplog, "answers again")
    assert await queue.job("refused") is None
    await job.refresh(until_complete=20)
    assert (job.status, job.result, work.runs) == (Status.COMPLETE, 7, 1)
    after = await queue.enqueue("nothing")
    assert after
    await after.refresh(until_complete=20)
    for text in ("can't be reached, trying again", "answers again"):
        assert sum(text in record.message for record in caplog.records) == 1, "a change of state is told once"
    await worker.stop_in_background()


async def test_a_job_that_can_t_be_marked_as_begun_is_as_if_it_had_not_been_taken(
    queue: RedisQueue, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was run before is marked by the worker, and not when it is taken."""
    attempts: list[int] = []

    async def note(ctx: Any) -> None:
        attempts.append(ctx["job"].attempts)

    job = await queue.enqueue("note", key="k", retries=2)
    assert job
    fetched = await queue.dequeue(timeout=5)
    assert fetched
    fetched.attempts = 1
    await fetched.retry("again")
    begin = Worker(queue, [("note", note)], concurrency=2)
    mark = queue.update

    async def refused(job: Any, **fields: Any) -> None:
        if not outage.has_begun:
            outage.begin()
        await mark(job, **fields)

    queue.update = refused  # type: ignore[method-assign]
    begin.start_in_background()
    await until_told(caplog, "can't be reached, trying again")
    outage.end()
    await job.refresh(until_complete=20)
    assert (job.status, attempts) == (Status.COMPLETE, [2])
    await begin.stop_in_background()


@pytest.mark.parametrize("outage", [fill], indirect=True)
async def test_a_full_server_is_told_of_once_while_it_is_drained(
    queue: RedisQueue, server_admin: Redis, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    """The small jobs end, and make room; the large one can't be marked as begun."""

    def removals() -> int:
        stats: Any = server_admin.info("commandstats")
        return int(stats.get("cmdstat_hdel", {"calls": 0})["calls"])

    large = Job("nothing", kwargs={"text": "x" * 9000}, ttl=-1)
    await queue.enqueue_many([large, *(Job("nothing", ttl=-1) for _ in range(50))])
    outage.begin()
    before = removals()
    worker = Worker(queue, [("nothing", nothing)], concurrency=2)
    worker.start_in_background()
    async with asyncio.timeout(60):
        while await queue.count("incomplete") > 1 or removals() < before + 8:  # it is tried again and again
            await asyncio.sleep(0.05)
    assert sum("trying again" in record.message for record in caplog.records) == 1
    assert "answers again" not in caplog.text
    outage.end()
    await until_told(caplog, "answers again")
    async with asyncio.timeout(60):
        while await queue.count("incomplete"):
            await asyncio.sleep(0.05)
    assert sum("trying again" in record.message for record in caplog.records) == 1
    await worker.stop_in_background()


async def test_a_worker_that_ends_does_not_wait_for_good(
    hasty: RedisQueue, server_admin: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    worker = Worker(hasty, [("work", work.run)], concurrency=2, shutdown_grace_period_s=20)
    job = await hasty.enqueue("work", retries=3)
    assert job
    worker.start_in_background()
    await work.begun.wait()
    server_admin.client_pause(60_000, all=False)
    work.may_end.set()
    await worker.stop_in_background()
    assert "is not written, a sweep will find it" in caplog.text
    server_admin.client_unpause()
    await job.refresh()
    assert (job.status, await hasty.count("active")) == (Status.ACTIVE, 1)
