"""`monitored_job` keeps a job from being swept, on every broker."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from saq.job import Status
from saq.queue.base import Queue

from litestar_saq import Job, Worker, monitored_job

HEARTBEAT_S = 8
LASTS_S = 12.0
"""Longer than their heartbeat, with sweeps every second in between."""


@monitored_job(interval=1)
async def monitored(_ctx: Any) -> str:
    await asyncio.sleep(LASTS_S)
    return "alive"


@monitored_job(interval=1)
def monitored_in_thread(_ctx: Any) -> str:
    time.sleep(LASTS_S)
    return "alive"


async def unmonitored(_ctx: Any) -> None:
    await asyncio.Event().wait()


async def ended(queue: Queue, key: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            job = await queue.job(key)
            if job and job.completed:
                return job
            await asyncio.sleep(0.05)


async def test_monitored_jobs_are_not_swept_and_others_are(
    queue: Queue, key: str, run_worker: Callable[..., Worker]
) -> None:
    run_worker(monitored, monitored_in_thread, unmonitored, timers={"sweep": 1})
    names = ("monitored", "monitored_in_thread", "unmonitored")
    for name in names:
        await queue.enqueue(name, key=key + name, heartbeat=HEARTBEAT_S, timeout=100)
    jobs = [await ended(queue, key + name) for name in names]
    assert [(job.status, job.attempts, job.result) for job in jobs[:2]] == [(Status.COMPLETE, 1, "alive")] * 2
    assert (jobs[2].status, jobs[2].error) == (Status.ABORTED, "swept")


async def test_no_beat_comes_from_a_job_that_blocks_the_loop(queue: Queue, run_worker: Callable[..., Worker]) -> None:
    @monitored_job(interval=0.05)
    async def block(ctx: Any) -> list[int]:
        job: Job = ctx["job"]
        before = job.touched
        time.sleep(0.5)  # noqa: ASYNC251 - blocking is what is tested
        blocked = job.touched
        async with asyncio.timeout(20):
            while job.touched == blocked:
                await asyncio.sleep(0.02)
        return [before, blocked, job.touched]

    run_worker(("block", block))
    before, blocked, after = await queue.apply("block", timeout=30)
    assert before == blocked < after


@pytest.fixture
def prepare_proxied() -> Callable[[Queue], object]:
    """Make a proxied queue slow to take what is written while a job runs, and quick to take a job's end."""

    def slow_down(queue: Queue) -> None:
        update = queue._update

        async def slow(*args: Any, **kwargs: Any) -> None:
            await asyncio.sleep(0.1)
            await update(*args, **kwargs)

        queue._update = slow  # type: ignore[method-assign]

    return slow_down


async def test_a_beat_under_way_does_not_undo_the_end_of_its_job(
    queue: Queue, run_worker: Callable[..., Worker]
) -> None:
    @monitored_job(interval=0.01)
    async def short(_ctx: Any) -> str:
        await asyncio.sleep(0.05)
        return "ended"

    run_worker(("short", short))
    jobs = [await queue.enqueue("short") for _ in range(20)]
    for job in jobs:
        assert job is not None
        assert (await ended(queue, job.key)).result == "ended"
    last = await queue.apply("short", timeout=30)
    assert last == "ended"
    stored = [await queue.job(job.key) for job in jobs if job]
    assert {job.status for job in stored if job} == {Status.COMPLETE}


@pytest.mark.parametrize("interval", [0, -1, True, "5", float("nan")])
def test_an_interval_of_nothing_is_refused(interval: Any) -> None:
    with pytest.raises(ValueError, match="is not accepted: seconds above 0"):
        monitored_job(interval=interval)


async def test_a_job_called_by_hand_runs_without_beats() -> None:
    thread = threading.get_ident()

    @monitored_job()
    def where(_ctx: Any) -> int:
        return threading.get_ident()

    context: Any = {}
    assert await where(context) != thread
