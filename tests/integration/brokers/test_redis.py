"""What the Redis queue adds to SAQ's."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.exceptions import RedisError
from saq.job import Status
from saq.queue.redis import RedisQueue as SaqRedisQueue

from litestar_saq import QueueConfig
from litestar_saq.brokers import broker_of, redis
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[redis.RedisQueue]:
    config = QueueConfig(dsn=redis_url, name=uuid.uuid4().hex)
    queue = build_queue(config, serializer, decode_json)
    assert isinstance(queue, redis.RedisQueue)
    yield queue
    await queue.disconnect()


@pytest.fixture
async def barred(redis_url: str, queue: redis.RedisQueue) -> AsyncIterator[redis.RedisQueue]:
    """The same queue, as one sees it who may not store anything by a command."""
    name = f"barred-{uuid.uuid4().hex}"
    rights = ("~*", "&*", "+@all", "-set", "-setex")
    await queue.redis.execute_command("ACL", "SETUSER", name, "on", ">pass", *rights)  # type: ignore[no-untyped-call]
    parts = urlsplit(redis_url)
    config = QueueConfig(dsn=urlunsplit(parts._replace(netloc=f"{name}:pass@{parts.netloc}")), name=queue.name)
    barred = build_queue(config, serializer, decode_json)
    assert isinstance(barred, redis.RedisQueue)
    yield barred
    await barred.disconnect()
    await queue.redis.execute_command("ACL", "DELUSER", name)  # type: ignore[no-untyped-call]


async def unlock_sweep(queue: redis.RedisQueue) -> None:
    await queue.redis.delete(queue.namespace("sweep"))


async def test_stock_saq_sweeps_what_was_just_fetched(redis_url: str) -> None:
    """The error that ours does not pass on; when this fails, SAQ has mended it."""
    queue = SaqRedisQueue.from_url(redis_url, name=uuid.uuid4().hex)
    await queue.enqueue("f")
    assert await queue.dequeue(timeout=5)
    assert len(await queue.sweep(lock=1, abort=0.01)) == 1
    await queue.disconnect()


async def test_a_fetched_job_that_stays_unstarted_goes_back_with_no_attempt_used(
    queue: redis.RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue.enqueue("f", key="k")
    assert await queue.dequeue(timeout=5)
    assert await queue.sweep(lock=1) == []
    monkeypatch.setattr(redis, "FETCH_GRACE_S", 0.0)
    await unlock_sweep(queue)
    assert await queue.sweep(lock=1) == [queue.job_id("k")]
    job = await queue.job("k")
    assert job
    assert (job.status, job.attempts, await queue.count("queued"), await queue.count("active")) == (
        Status.QUEUED,
        0,
        1,
        0,
    )


async def test_the_age_of_a_fetch_begins_anew_with_each_fetch(
    queue: redis.RedisQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue.enqueue("f", key="k", retries=9)
    job = await queue.dequeue(timeout=5)
    assert job
    await queue.sweep(lock=1)
    await asyncio.sleep(0.3)  # the age must pass the grace below
    job.attempts = 1
    await job.retry("again")
    assert await queue.dequeue(timeout=5)
    monkeypatch.setattr(redis, "FETCH_GRACE_S", 0.2)
    await unlock_sweep(queue)
    assert await queue.sweep(lock=1) == []


async def test_one_sweep_at_a_time(queue: redis.RedisQueue) -> None:
    await queue.enqueue("f", key="k", timeout=1)
    job = await queue.dequeue(timeout=5)
    assert job
    await queue.sweep(lock=60)
    job.started = 1
    await job.update(status=Status.ACTIVE)
    assert await queue.sweep(lock=60) == []


async def test_a_missing_job_is_forgotten(queue: redis.RedisQueue) -> None:
    await queue.enqueue("f", key="k")
    await queue.dequeue(timeout=5)
    await queue.redis.delete(queue.job_id("k"))
    assert await queue.sweep(lock=1) == [queue.job_id("k")]
    assert (await queue.count("active"), await queue.count("incomplete")) == (0, 0)


async def test_an_aborted_job_is_not_released(queue: redis.RedisQueue) -> None:
    await queue.enqueue("f")
    job = await queue.dequeue(timeout=5)
    assert job
    await job.abort("enough")
    await broker_of(queue).release(queue, job)
    assert await queue.count("queued") == 0


async def test_a_released_job_is_the_next(queue: redis.RedisQueue) -> None:
    for key in ("first", "second"):
        await queue.enqueue("f", key=key)
    job = await queue.dequeue(timeout=5)
    assert job
    await broker_of(queue).release(queue, job)
    again = await queue.dequeue(timeout=5)
    assert again
    assert again.key == "first"


async def test_a_scheduled_job_that_is_retried_at_once_is_queued_once(queue: redis.RedisQueue) -> None:
    assert await queue.enqueue("f", retries=9, scheduled=int(time.time()) - 1)
    await queue.schedule(lock=1)
    job = await queue.dequeue(timeout=5)
    assert job
    await job.retry("again")
    await queue.redis.delete(queue.namespace("schedule"))
    await queue.schedule(lock=1)
    assert await queue.count("queued") == 1


def test_no_password_is_shown() -> None:
    queue = build_queue(QueueConfig(dsn="redis://user:hunter2@example.invalid:6400/3"), serializer, decode_json)
    assert repr(queue) == "RedisQueue<example.invalid:6400, name='default'>"
    assert "hunter2" not in repr(queue)


async def test_it_disconnects_while_the_server_is_away() -> None:
    queue = build_queue(QueueConfig(dsn="redis://127.0.0.1:1"), serializer, decode_json)
    await queue.disconnect()


async def test_it_listens_again_after_it_was_disconnected(queue: redis.RedisQueue) -> None:
    for _ in range(2):
        job = await queue.enqueue("f")
        assert job
        done = asyncio.create_task(job.refresh(until_complete=20))
        while not await queue.redis.pubsub_channels(job.id):
            await asyncio.sleep(0.01)
        fetched = await queue.dequeue(timeout=4)
        assert fetched
        while not done.done():
            await fetched.finish(Status.COMPLETE)
            await asyncio.sleep(0.05)
        assert job.status is Status.COMPLETE
        await queue.disconnect()


async def test_what_a_server_refuses_is_told_without_the_command(barred: redis.RedisQueue) -> None:
    job = await barred.enqueue("f", kwargs={"token": "s3cret"})
    assert job
    info: Any = {"queue_key": "s3cret", "stats": {}, "metadata": None}
    for refused in (barred.abort(job, "s3cret"), barred.write_worker_info("w", info, 9)):
        with pytest.raises(RedisError, match=r"command \d of a pipeline: .*no permissions") as error:
            await refused
        assert "s3cret" not in str(error.value)
