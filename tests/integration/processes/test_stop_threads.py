"""Jobs in threads, workers in threads, Ctrl-C, and signals that come twice."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from saq import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.processes.run import Run

every_signal = pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
layouts = pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        pytest.param(["--queues", "a"], {}, id="one"),
        pytest.param(["--workers", "2"], {"METHOD": "fork"}, id="fork"),
        pytest.param([], {"METHOD": "spawn"}, id="spawn"),
        pytest.param([], {"METHOD": "forkserver"}, id="forkserver"),
        pytest.param([], {"THREADS": "ab"}, id="threads"),
    ],
)


def named(run: Run, arguments: list[str]) -> list[str]:
    return [run.queue_name("a") if argument == "a" else argument for argument in arguments]


@layouts
async def test_a_threaded_job_finishes_within_the_grace(
    run: Run, arguments: list[str], environment: dict[str, str]
) -> None:
    process = run.workers(*named(run, arguments), **environment)
    job = await run.enqueue("held_in_thread")
    await run.told("started")
    process.signal(signal.SIGTERM)
    await run.says(process, "Working shutting down")
    run.release()
    assert await run.exit(process) == 0
    await job.refresh()
    assert (job.status, job.attempts) == (Status.COMPLETE, 1)


@layouts
async def test_a_threaded_job_that_outlasts_everything_does_not_hold_up_the_end(
    run: Run, arguments: list[str], environment: dict[str, str]
) -> None:
    process = run.workers(*named(run, arguments), GRACE=1, **environment)
    job = await run.enqueue("held_in_thread", retries=1)
    await run.told("started")
    process.signal(signal.SIGTERM)
    # A process that had to be killed would make it 1.
    assert await run.exit(process) == 0
    assert not run.events("finished")
    await job.refresh()
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    workers = len(run.events("startup"))
    assert len(run.events("shutdown")) == workers
    # What is logged last is not lost.
    assert process.output.count("SAQ worker shutting down") == workers

    run.release()
    again = run.workers("--queues", run.queue_name("a"))
    ended = await run.ended(job)
    assert (ended.status, ended.attempts) == (Status.COMPLETE, 1)
    again.signal(signal.SIGTERM)
    assert await run.exit(again) == 0


@pytest.mark.parametrize("pressed", [1, 2])
@layouts
async def test_ctrl_c_in_a_terminal_ends_everything_once(
    run: Run, arguments: list[str], environment: dict[str, str], pressed: int
) -> None:
    process = run.workers(*named(run, arguments), **environment)
    job = await run.enqueue("held")
    await run.told("started")
    process.signal_all(signal.SIGINT)
    await run.says(process, "Working shutting down")
    if pressed == 1:
        run.release()
    else:  # whoever presses it twice waits for no job
        process.signal_all(signal.SIGINT)
    assert await run.exit(process) == 0
    await job.refresh()
    assert (job.status, job.attempts) == ((Status.COMPLETE, 1) if pressed == 1 else (Status.QUEUED, 0))
    workers = len(run.events("startup"))
    assert len(run.events("shutdown")) == workers
    assert process.output.count("SAQ worker shutting down") == workers
    assert "Traceback" not in process.output
    assert "unexpectedly" not in process.output


@every_signal
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("threads", ["ab", "b"])
async def test_workers_in_threads_end_with_their_process(
    run: Run, threads: str, workers: int, signum: signal.Signals
) -> None:
    process = run.workers("--workers", str(workers), THREADS=threads)
    await run.workers_live(workers, "a", "b")
    alone = threads == "ab" and workers == 1
    groups = 1 if threads == "ab" else 2
    assert len(process.children()) == (0 if alone else groups * workers)
    pids = {letter: {e["pid"] for e in run.events("startup", queue=run.queue_name(letter))} for letter in "ab"}
    assert (pids["a"] == pids["b"]) is (threads == "ab")
    jobs = [await run.enqueue("held", "a"), await run.enqueue("held_in_thread", "b")]
    await run.told("started", times=2)
    process.signal(signum)
    await run.says(process, "Working shutting down")
    run.release()
    assert await run.exit(process) == 0
    for job in jobs:
        await job.refresh()
        assert (job.status, job.attempts) == (Status.COMPLETE, 1)
    assert len(run.events("shutdown")) == 2 * workers


@every_signal
async def test_idle_threads_end_at_once_and_a_job_that_outlasts_the_grace_goes_back(
    make_run: Callable[[], Run], signum: signal.Signals
) -> None:
    idle, busy = make_run(), make_run()
    idle_process = idle.workers(THREADS="ab", GRACE=600)
    busy_process = busy.workers(THREADS="ab", GRACE=1)
    await idle.workers_live(1, "a", "b")
    job = await busy.enqueue("held", "b", retries=1)
    await busy.told("started")
    idle_process.signal(signum)
    busy_process.signal(signum)
    assert await idle.exit(idle_process) == 0
    assert await busy.exit(busy_process) == 0
    await job.refresh()
    assert (job.status, job.attempts) == (Status.QUEUED, 0)


@pytest.mark.parametrize("letters", ["a", "ab"])
@every_signal
async def test_a_second_signal_cuts_off_no_end(run: Run, letters: str, signum: signal.Signals) -> None:
    process = run.workers(app="slow_end_app:app", METHOD="fork", LETTERS=letters)
    told = await run.told("startup", times=len(letters))
    await run.workers_live(1, *letters)
    for pid in {event["pid"] for event in told}:
        os.kill(pid, signal.SIGTERM)
    await run.told("disconnecting", times=len(letters))
    process.signal_all(signum)
    if len(letters) > 1:
        await run.says(process, "ending the workers")
    run.release()
    assert await run.exit(process) == 0
    # Each worker has a connection to every queue.
    assert len(run.events("disconnected")) == len(letters) ** 2
