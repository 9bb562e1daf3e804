"""Worker processes that die, fail to start, or lose their parent."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from saq import Status

from tests.integration.processes.litestar_process import SOURCE

if TYPE_CHECKING:
    from tests.integration.processes.run import Run

every_method = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


@every_method
async def test_a_killed_child_is_reported_and_restarted_later_each_time(run: Run, method: str) -> None:
    process = run.workers(METHOD=method)
    name = run.queue_name("a")
    await run.told("startup", queue=run.queue_name("b"))
    times = []
    for crash, delay in enumerate(("0.5", "1.0", "2.0"), start=1):
        told = await run.told("startup", queue=name, times=crash)
        os.kill(told[-1]["pid"], signal.SIGKILL)
        await run.says(
            process,
            f"worker process {name}-1 ended unexpectedly (signal SIGKILL), it starts again in {delay} s",
        )
        times.append((told[-1]["at"], float(delay)))
    told = await run.told("startup", queue=name, times=4)
    for (before, delay), after in zip(times, told[1:], strict=True):
        assert after["at"] - before >= delay
    ended = await run.ended(await run.enqueue("quick"))
    assert ended.status == Status.COMPLETE
    assert len(run.events("startup", queue=run.queue_name("b"))) == 1
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


@pytest.mark.parametrize("threads", ["", "a"])
@every_method
async def test_a_startup_hook_that_raises_is_reported_and_tried_again(run: Run, method: str, threads: str) -> None:
    name = run.queue_name("a")
    process = run.workers(METHOD=method, FAILING_STARTUP=name, THREADS=threads)
    await run.told("startup", queue=name, times=2)
    await run.says(process, "LookupError: the startup hook has failed")
    await run.says(process, f"worker process {name}-1 ended unexpectedly (exit code 1), it starts again in 0.5 s")
    await run.says(process, f"worker process {name}-1 ended unexpectedly (exit code 1), it starts again in 1.0 s")
    ended = await run.ended(await run.enqueue("quick", "b"))
    assert ended.status == Status.COMPLETE
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


@pytest.mark.parametrize("threads", ["", "ab"])
async def test_a_startup_hook_that_raises_ends_a_worker_that_has_no_supervisor(run: Run, threads: str) -> None:
    name = run.queue_name("a")
    queues = name if not threads else f"{name},{run.queue_name('b')}"
    process = run.workers("--queues", queues, FAILING_STARTUP=name, THREADS=threads)
    assert await run.exit(process) == 1
    assert f"The worker of queue {name!r} ended: LookupError" in process.output


@pytest.mark.parametrize("code", [0, 3])
async def test_a_child_that_a_job_makes_leave_is_restarted(run: Run, code: int) -> None:
    process = run.workers(METHOD="fork")
    name = run.queue_name("a")
    await run.enqueue("leave", kwargs={"code": code})
    await run.told("leaving")
    await run.says(process, f"worker process {name}-1 ended unexpectedly (exit code {code})")
    ended = await run.ended(await run.enqueue("quick"))
    assert ended.status == Status.COMPLETE
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


@every_method
async def test_children_end_when_their_parent_is_killed(run: Run, method: str) -> None:
    process = run.workers("--workers", "2", METHOD=method)
    await run.workers_live(2, "a", "b")
    jobs = [await run.enqueue("held", letter) for letter in "ab"]
    await run.told("started", times=2)
    process.signal(signal.SIGKILL)
    await run.says(process, "is gone, it ends", times=4)
    run.release()
    assert await run.exit(process) == -signal.SIGKILL
    for job in jobs:
        await job.refresh()
        assert (job.status, job.attempts) == (Status.COMPLETE, 1)
    assert len(run.events("shutdown")) == 4


@pytest.mark.parametrize("threads", ["", "ab"])
async def test_jobs_of_a_killed_parent_go_back_after_the_grace(run: Run, threads: str) -> None:
    process = run.workers("--workers", "2", METHOD="fork", THREADS=threads, GRACE=1)
    jobs = [await run.enqueue("held", letter, retries=1) for letter in "ab"]
    await run.told("started", times=2)
    process.signal(signal.SIGKILL)
    assert await run.exit(process) == -signal.SIGKILL
    for job in jobs:
        await job.refresh()
        assert (job.status, job.attempts) == (Status.QUEUED, 0)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("threads", ["", "ab"])
async def test_children_whose_parent_dies_while_they_start_end_too(run: Run, method: str, threads: str) -> None:
    process = run.workers("--workers", "2", METHOD=method, THREADS=threads, HOLD_IMPORT=1)
    await run.told("importing", times=2 if threads else 4)
    process.signal(signal.SIGKILL)
    await run.until(lambda: process.code is not None, "the end of the parent")
    run.release()
    assert await run.exit(process) == -signal.SIGKILL


@every_method
async def test_a_signal_while_children_start_ends_them(run: Run, method: str) -> None:
    process = run.workers(METHOD=method, HOLD_IMPORT=1)
    if method == "fork":
        await run.says(process, "SAQ workers")
    else:
        await run.told("importing", times=2)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) in ({0, -signal.SIGTERM} if method == "fork" else {0})


@every_method
async def test_a_burst_ends_and_is_not_restarted(run: Run, method: str) -> None:
    jobs = [await run.enqueue("quick", letter) for letter in "aabb"]
    process = run.workers(METHOD=method, BURST="ab")
    assert await run.exit(process) == 0
    for job in jobs:
        await job.refresh()
        assert job.status == Status.COMPLETE
    assert len(run.events("startup")) == 2
    assert len(run.events("shutdown")) == 2
    assert "unexpectedly" not in process.output


@pytest.mark.parametrize("threads", ["", "ab"])
async def test_a_burst_of_one_process_ends(run: Run, threads: str) -> None:
    job = await run.enqueue("quick")
    queues = [run.queue_name(letter) for letter in (threads or "a")]
    process = run.workers("--queues", ",".join(queues), BURST="ab", THREADS=threads)
    assert await run.exit(process) == 0
    await job.refresh()
    assert job.status == Status.COMPLETE


async def test_a_burst_beside_a_queue_that_goes_on(run: Run) -> None:
    burst = await run.enqueue("quick", "a")
    process = run.workers(METHOD="fork", BURST="a")
    await run.told("shutdown", queue=run.queue_name("a"))
    await burst.refresh()
    assert burst.status == Status.COMPLETE
    ended = await run.ended(await run.enqueue("quick", "b"))
    assert ended.status == Status.COMPLETE
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    assert len(run.events("startup")) == 2


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
async def test_a_child_hears_no_signal_before_it_has_its_handlers(run: Run, method: str) -> None:
    search = os.pathsep.join([str(run.directory / "masks"), str(run.directory), str(SOURCE)])
    process = run.workers(METHOD=method, HOLD_IMPORT=1, PYTHONPATH=search)
    await run.told("importing", times=2)
    told = run.events("started")
    assert len(told) == (2 if method == "spawn" else 1)
    assert all({signal.SIGINT, signal.SIGTERM} <= set(one["blocked"]) for one in told)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
