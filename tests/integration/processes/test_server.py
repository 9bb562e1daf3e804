"""Workers that run with the server: as processes beside it, and in its event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from saq import Status

from tests.integration.processes.run import ARGUMENT
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run

every_signal = pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
places = pytest.mark.parametrize(
    ("environment", "children"),
    [
        pytest.param({"METHOD": "fork"}, 2, id="fork"),
        pytest.param({"METHOD": "spawn", "PROCESSES": "2"}, 4, id="spawn"),
        pytest.param({"METHOD": "forkserver"}, 2, id="forkserver"),
        pytest.param({"IN_LOOP": "ab"}, 0, id="in-loop"),
        pytest.param({"IN_LOOP": "a", "METHOD": "fork"}, 1, id="mixed"),
    ],
)


async def serve(run: Run, environment: dict[str, str]) -> tuple[LitestarProcess, str]:
    port = free_port()
    process = run.start("--app", "jobs_app:app", "run", "--port", str(port), SERVE=1, **environment)
    await run.says(process, "Uvicorn running on")
    await run.workers_live(int(environment.get("PROCESSES", "1")), "a", "b")
    return process, f"http://127.0.0.1:{port}"


@every_signal
@places
async def test_a_job_runs_beside_the_server_and_both_end_together(
    run: Run, environment: dict[str, str], children: int, signum: signal.Signals
) -> None:
    process, url = await serve(run, environment)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for letter in "ab":
            answer = await client.get(f"/quick/{letter}", params={"secret": ARGUMENT})
            assert (answer.status_code, answer.text) == (200, f"quick {len(ARGUMENT)}")
    assert len(process.children()) >= children
    pids = {event["pid"] for event in run.events("startup")}
    assert len(pids - {process.pid}) == children
    assert (process.pid in pids) is ("IN_LOOP" in environment)
    process.signal(signum)
    assert await run.exit(process) == 0
    assert len(run.events("shutdown")) == len(run.events("startup"))
    assert "Traceback" not in process.output


@every_signal
@places
async def test_running_jobs_finish_or_go_back_when_the_server_ends(
    run: Run, environment: dict[str, str], children: int, signum: signal.Signals
) -> None:
    process, _ = await serve(run, {**environment, "GRACE": "1"})
    jobs = [await run.enqueue("held", letter, retries=1) for letter in "ab"]
    jobs.append(await run.enqueue("held_in_thread", "b", retries=1))
    await run.told("started", times=3)
    process.signal(signum)
    assert await run.exit(process) == 0
    for job in jobs:
        await job.refresh()
        assert (job.status, job.attempts) == (Status.QUEUED, 0)


@places
async def test_ctrl_c_ends_the_server_first_and_then_its_workers(
    run: Run, environment: dict[str, str], children: int
) -> None:
    process, url = await serve(run, environment)
    job = await run.enqueue("held", "b")
    await run.told("started")
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = asyncio.create_task(client.get("/held"))
        await run.told("request")
        process.signal_all(signal.SIGINT)
        await run.says(process, "Waiting for connections to close")
        run.release()
        assert (await answer).text == "released"
    assert await run.exit(process) == 0
    await job.refresh()
    assert (job.status, job.attempts) == (Status.COMPLETE, 1)
    assert len(run.events("startup")) == len(run.events("shutdown")) == max(2, children)
    assert "unexpectedly" not in process.output


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_a_killed_child_of_a_server_is_restarted(run: Run, method: str) -> None:
    process, url = await serve(run, {"METHOD": method})
    name = run.queue_name("a")
    os.kill(run.events("startup", queue=name)[0]["pid"], signal.SIGKILL)
    await run.says(process, f"worker process {name}-1 ended unexpectedly (signal SIGKILL), it starts again in 0.5 s")
    await run.told("startup", queue=name, times=2)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        assert (await client.get("/quick/a", params={"secret": ARGUMENT})).status_code == 200
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_workers_end_when_their_server_is_killed(run: Run, method: str) -> None:
    process, _ = await serve(run, {"METHOD": method})
    job = await run.enqueue("held")
    await run.told("started")
    process.signal(signal.SIGKILL)
    await run.says(process, "is gone, it ends", times=2)
    run.release()
    assert await run.exit(process) == -signal.SIGKILL
    await job.refresh()
    assert (job.status, job.attempts) == (Status.COMPLETE, 1)


async def test_a_server_whose_port_is_taken_leaves_no_worker_behind(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = run.start(
            "--app", "jobs_app:app", "run", "--port", str(taken.getsockname()[1]), SERVE=1, METHOD="fork"
        )
        assert await run.exit(process) != 0


async def test_a_startup_hook_that_raises_in_the_loop_is_reported_and_the_server_goes_on(run: Run) -> None:
    name = run.queue_name("a")
    port = free_port()
    process = run.start("--app", "jobs_app:app", "run", "--port", str(port), IN_LOOP="ab", FAILING_STARTUP=name)
    await run.says(process, f"The worker of queue {name!r} ended: LookupError")
    await run.says(process, "Uvicorn running on")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        assert (await client.get("/quick/b", params={"secret": ARGUMENT})).status_code == 200
    process.signal(signal.SIGINT)
    assert await run.exit(process) == 0
    assert "Application shutdown complete" in process.output
