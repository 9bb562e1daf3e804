"""One signal to the parent ends everything, whatever runs and however the workers are laid out."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import pytest
from saq import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LAYOUTS = {"one": ("a", 1), "two": ("ab", 1), "one-twice": ("a", 2), "two-twice": ("ab", 2)}
GRACE_S = 60
"""So long that a process that used it up would be seen to."""

every_layout = pytest.mark.parametrize("layout", LAYOUTS)
every_method = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


async def start(run: Run, layout: str, **environment: object) -> LitestarProcess:
    letters, workers = LAYOUTS[layout]
    names = ",".join(run.queue_name(letter) for letter in letters)
    process = run.workers("--queues", names, "--workers", str(workers), **environment)
    await run.workers_live(workers, *letters)
    assert len(process.children()) >= (len(letters) * workers if layout != "one" else 0)
    return process


async def told_to_end(run: Run, process: LitestarProcess, layout: str) -> None:
    await run.says(process, "Working shutting down" if layout == "one" else "ending the workers")


def both(make_run: Callable[[], Run]) -> list[tuple[Run, signal.Signals]]:
    return [(make_run(), signum) for signum in SIGNALS]


LEFT = "do not end, and are left: deaf (deaf)"


@pytest.mark.parametrize(("lost", "told"), [(2, False), (1_000_000, True)])
async def test_what_loses_its_cancellation_keeps_no_process_alive(run: Run, lost: int, told: bool) -> None:
    process = run.workers(app="deaf_app:app", LOST=lost)
    await run.workers_live(1, "a")
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    assert (LEFT in process.output) == told


@pytest.mark.parametrize(("lost", "told"), [(2, False), (1_000_000, True)])
async def test_what_loses_its_cancellation_keeps_no_process_alive_that_failed(run: Run, lost: int, told: bool) -> None:
    process = run.workers(app="deaf_app:app", LOST=lost, FAILS=1)
    assert await run.exit(process) == 1
    assert "RuntimeError: no start" in process.output
    assert (LEFT in process.output) == told


@every_method
@every_layout
async def test_idle_workers_end_at_once(make_run: Callable[[], Run], layout: str, method: str) -> None:
    async def one(run: Run, signum: signal.Signals) -> None:
        process = await start(run, layout, METHOD=method, GRACE=GRACE_S)
        process.signal(signum)
        assert await run.exit(process) == 0
        assert time.monotonic() - process.signalled_at < GRACE_S / 2
        letters, workers = LAYOUTS[layout]
        assert len(run.events("shutdown")) == len(letters) * workers
        assert process.output.count("SAQ worker shutting down") == len(letters) * workers

    await asyncio.gather(*(one(*pair) for pair in both(make_run)))


@every_method
@every_layout
async def test_a_running_job_finishes_within_the_grace(make_run: Callable[[], Run], layout: str, method: str) -> None:
    async def one(run: Run, signum: signal.Signals) -> None:
        process = await start(run, layout, METHOD=method, GRACE=GRACE_S)
        jobs = [await run.enqueue("held", letter) for letter in LAYOUTS[layout][0]]
        await run.told("started", times=len(jobs))
        process.signal(signum)
        await told_to_end(run, process, layout)
        run.release()
        assert await run.exit(process) == 0
        assert time.monotonic() - process.signalled_at < GRACE_S / 2
        for job in jobs:
            await job.refresh()
            assert (job.status, job.attempts) == (Status.COMPLETE, 1)

    await asyncio.gather(*(one(*pair) for pair in both(make_run)))


@every_layout
async def test_a_second_signal_waits_for_no_job(make_run: Callable[[], Run], layout: str) -> None:
    async def one(run: Run, signum: signal.Signals) -> None:
        process = await start(run, layout, GRACE=GRACE_S)
        jobs = [await run.enqueue("held", letter, retries=1) for letter in LAYOUTS[layout][0]]
        await run.told("started", times=len(jobs))
        process.signal(signum)
        await told_to_end(run, process, layout)
        process.signal(signum)
        assert await run.exit(process) == 0
        assert time.monotonic() - process.signalled_at < GRACE_S / 2
        assert len(run.events("cancelled")) == len(jobs)
        for job in jobs:
            await job.refresh()
            assert (job.status, job.attempts) == (Status.QUEUED, 0)

    await asyncio.gather(*(one(*pair) for pair in both(make_run)))


@pytest.mark.parametrize(
    ("layout", "mode", "upon"),
    [
        ("one", "multiprocessing", "handler"),
        ("one", "multiprocessing", "log"),
        ("two", "multiprocessing", "handler"),
        ("two", "multiprocessing", "log"),
        ("two", "threading", "handler"),  # the log is that of other threads, where no signal comes
    ],
)
async def test_a_signal_may_come_upon_another_one_or_upon_the_log(
    make_run: Callable[[], Run], layout: str, mode: str, upon: str
) -> None:
    letters, workers = LAYOUTS[layout]
    few = asyncio.Semaphore(4)

    async def one(run: Run, line: int) -> None:
        names = ",".join(run.queue_name(letter) for letter in letters)
        async with few:
            process = run.workers("--queues", names, app="signals_app:app", UPON=upon, MODE=mode, AT_LINE=line)
            await run.workers_live(workers, *letters)
            (run.directory / "armed").touch()
            process.signal(signal.SIGTERM)
            assert await run.exit(process) == 0
        assert "did not end within" not in process.output

    await asyncio.gather(*(one(make_run(), line) for line in range(1, 13)))


@pytest.mark.parametrize(("given", "code"), [("30", 2), ("80", 0)])
async def test_less_time_than_the_workers_may_need_is_refused(run: Run, given: str, code: int) -> None:
    process = run.workers("--queues", run.queue_name("a"), "--stop-within", given, GRACE=GRACE_S)
    if code == 0:
        await run.workers_live(1, "a")
        process.signal(signal.SIGTERM)
    assert await run.exit(process) == code
    if code:
        assert f"Error: --stop-within: the workers of queue '{run.queue_name('a')}' may need 7" in process.output
        assert "30 s are less" in process.output
        assert "Traceback" not in process.output


@every_method
@every_layout
async def test_a_job_that_outlasts_the_grace_goes_back(make_run: Callable[[], Run], layout: str, method: str) -> None:
    async def one(run: Run, signum: signal.Signals) -> None:
        process = await start(run, layout, METHOD=method, GRACE=1)
        jobs = [await run.enqueue("held", letter, retries=1) for letter in LAYOUTS[layout][0]]
        await run.told("started", times=len(jobs))
        process.signal(signum)
        assert await run.exit(process) == 0
        for job in jobs:
            queue = job.get_queue()
            await job.refresh()
            assert (job.status, job.attempts) == (Status.QUEUED, 0)
            assert (await queue.count("queued"), await queue.count("active")) == (1, 0)
        assert len(run.events("cancelled")) == len(jobs)

        run.release()
        again = run.workers(THREADS="ab")
        for job in jobs:
            ended = await run.ended(job)
            assert (ended.status, ended.attempts) == (Status.COMPLETE, 1)
        again.signal(signum)
        assert await run.exit(again) == 0

    await asyncio.gather(*(one(*pair) for pair in both(make_run)))


@pytest.mark.parametrize(("letters", "threads"), [("a", ""), ("ab", "ab")])
async def test_a_thread_that_a_job_waits_for_keeps_no_process_alive(run: Run, letters: str, threads: str) -> None:
    process = run.workers("--queues", ",".join(map(run.queue_name, letters)), THREADS=threads, GRACE=1)
    await run.workers_live(1, *letters)
    job = await run.enqueue("waits_for_a_thread", "a", retries=1)
    await run.told("started")
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    await job.refresh()
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert "Threads do not end, and are left: 1" in process.output
