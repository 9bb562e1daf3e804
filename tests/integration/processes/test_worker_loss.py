"""Workers that are killed leave no job behind, and no job that is over runs again."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from saq import Status

if TYPE_CHECKING:
    from tests.integration.processes.run import Run

JOBS = 400
FREE = 100
"""The others are held until the workers are killed, or a test that is slow would find all done."""
WITHIN_S = 20


@pytest.mark.parametrize("options", [{"retries": 3, "timeout": 120}, {"retries": 1, "timeout": 10}], ids=str)
async def test_two_of_three_workers_are_killed(run: Run, options: dict[str, Any]) -> None:
    workers = [run.workers(app="crash_app:app") for _ in range(3)]
    await run.workers_live(3, "a")
    jobs = await asyncio.gather(
        *(run.enqueue("nap", kwargs={"held": number >= FREE}, **options) for number in range(JOBS))
    )
    await run.told("finished", times=FREE // 5)
    for worker in workers[:2]:
        worker.kill()
    queue = await run.queue()
    keys = [job.key for job in jobs]
    over = {job.key for job in await queue.jobs(keys) if job is not None and job.status is Status.COMPLETE}
    assert 0 < len(over) < JOBS
    run.release()
    free = time.monotonic()

    async def all_over() -> bool:
        return {job.status if job else None for job in await queue.jobs(keys)} == {Status.COMPLETE}

    await run.until(all_over, "the end of all jobs")
    last = {event["job"]: event["at"] for event in run.events("finished")}
    assert last.keys() == set(keys)
    assert max(last.values()) - free < WITHIN_S
    starts = Counter(event["job"] for event in run.events("started"))
    assert {starts[key] for key in over} == {1}
    assert max(starts.values()) <= 2
    workers[2].signal(signal.SIGTERM)
    assert await run.exit(workers[2]) == 0
