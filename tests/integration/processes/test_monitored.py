"""`monitored_job` beats wherever its worker runs, and a beat changes nothing else."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
from saq import Job, Status

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run

APP = "monitored_app:app"
HEARTBEAT_S = 12
"""Beats come after a half of it; the other half is longer than a machine may stall."""
PLACES = ("one", "two workers", "spawn", "threads", "server's processes", "server's loop")


def start(run: Run, place: str) -> LitestarProcess:
    match place:
        case "one":
            return run.workers("--queues", run.queue_name("a"), app=APP)
        case "two workers":
            return run.workers("--queues", run.queue_name("a"), "--workers", "2", app=APP, METHOD="fork")
        case "spawn":
            return run.workers(app=APP, METHOD="spawn")
        case "threads":
            return run.workers(app=APP, MODE="threading")
    environment = {"IN_LOOP": "1"} if place == "server's loop" else {"METHOD": "fork"}
    return run.start("--app", APP, "run", "--port", str(free_port()), **environment)


@pytest.mark.parametrize("places", [PLACES[:3], PLACES[3:]], ids=", ".join)
async def test_monitored_jobs_outlast_their_heartbeat_and_others_are_swept(
    make_run: Callable[[], Run], places: tuple[str, ...]
) -> None:
    async def one(run: Run, place: str) -> None:
        process = start(run, place)
        functions = ("monitored", "monitored_in_thread", "at_an_interval")
        jobs = [await run.enqueue(function, heartbeat=HEARTBEAT_S, retries=1) for function in functions]
        unmonitored = await run.enqueue("unmonitored", heartbeat=HEARTBEAT_S, retries=1)
        swept = await run.ended(unmonitored)
        assert (swept.status, swept.error) == (Status.ABORTED, "swept"), place
        run.release()
        for job in jobs:
            ended = await run.ended(job)
            assert (ended.status, ended.attempts, ended.result) == (Status.COMPLETE, 1, True), (place, job.function)
        process.signal(signal.SIGTERM)
        assert await run.exit(process) == 0

    await asyncio.gather(*(one(make_run(), place) for place in places))


async def test_a_job_whose_loop_is_blocked_is_swept(run: Run) -> None:
    name = run.queue_name("a")
    process = run.workers("--queues", name, "--workers", "2", app=APP, METHOD="fork", CONCURRENCY=1, BLOCKS=10)
    await run.workers_live(2, "a")
    job = await run.enqueue("blocking", heartbeat=1, retries=1)
    await run.told("started")

    async def is_aborted() -> bool:
        await job.refresh()
        return job.status in {Status.ABORTING, Status.ABORTED}

    await run.until(is_aborted, "the sweep of the other worker")
    assert job.error == "swept"
    await run.told("woke")
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_a_beat_never_undoes_what_others_write(run: Run) -> None:
    process = run.workers("--queues", run.queue_name("a"), app=APP)
    job = await run.enqueue("busy", heartbeat=1)
    await run.told("started")
    queue = job.get_queue()
    touched = set()
    for count in range(1, 201):
        await job.refresh()
        await job.update(progress=count / 200, meta={"count": count})
        # Beats come every 10 ms; one that wrote back what it had read would show within a few of these.
        await asyncio.sleep(0.005)
        stored = await queue.job(job.key)
        assert stored is not None
        assert (stored.meta, stored.progress) == ({"count": count}, count / 200)
        touched.add(stored.touched)
    await job.refresh()
    before = job.touched

    async def beats() -> bool:
        await job.refresh()
        return job.touched > before

    await run.until(beats, "a beat")
    await queue.finish(job, Status.COMPLETE, result="from elsewhere")
    await run.says(process, f"job {job.key} is not active any more, its heartbeat ends")
    stored = await queue.job(job.key)
    assert stored is not None
    assert (stored.status, stored.result) == (Status.COMPLETE, "from elsewhere")
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_an_aborted_job_stays_aborted(run: Run) -> None:
    process = run.workers("--queues", run.queue_name("a"), app=APP)
    jobs: list[Job] = [await run.enqueue("busy") for _ in range(5)]
    await run.told("started", times=5)
    for job in jobs:
        await job.abort("no longer wanted")
    for job in jobs:
        ended = await run.ended(job)
        assert (ended.status, ended.error) == (Status.ABORTED, "no longer wanted")
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    for job in jobs:
        await job.refresh()
        assert job.status == Status.ABORTED
