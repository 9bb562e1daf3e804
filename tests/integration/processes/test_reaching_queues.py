"""Every configured queue is reachable in every process, and so is one that is configured nowhere."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from saq import Status

from tests.ports import free_port

if TYPE_CHECKING:
    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run


def start(run: Run, place: str) -> list[LitestarProcess]:
    app = "reach_app:app"
    match place:
        case "subsets":
            return [run.workers("--queues", run.queue_name(letter), app=app) for letter in "ab"]
        case "fork" | "spawn":
            return [run.workers(app=app, METHOD=place)]
        case "threads":
            return [run.workers(app=app, MODE="threading")]
        case "threads twice":
            return [run.workers("--workers", "2", app=app, MODE="threading")]
    return [run.start("--app", app, "run", "--port", str(free_port()), IN_LOOP=1)]


@pytest.mark.parametrize("place", ["subsets", "fork", "spawn", "threads", "threads twice", "server"])
async def test_a_job_reaches_other_queues(run: Run, place: str) -> None:
    processes = start(run, place)
    names = [run.queue_name("a"), run.queue_name("b")]
    reached = await run.ended(await run.enqueue("reach"))
    assert reached.status == Status.COMPLETE, reached.error
    left = await (await run.queue("b")).job(reached.result.pop("left"))
    assert left is not None
    assert (left.function, left.kwargs, left.queue.name) == ("increment", {"n": 40}, names[1])
    assert reached.result == {
        "info": [names[1], 1, 1],
        "apply": 2,
        "map": [11, 21],
        "own": 1,
        "names": names,
        "plugin": True,
        "known": True,
    }
    unconfigured = await run.ended(await run.enqueue("unconfigured"))
    assert await (await run.queue("c")).job(unconfigured.result) is not None
    sentence = f"UnknownQueueError: no queue is named 'nosuch'; configured queues: {', '.join(names)} True"
    assert (await run.ended(await run.enqueue("unknown"))).result == sentence
    assert (await run.ended(await run.enqueue("nested"))).result == sentence
    assert (await run.ended(await run.enqueue("in_thread"))).result == [names, "in_thread", True]
    for process in processes:
        process.signal(signal.SIGINT)
        assert await run.exit(process) == 0
        assert "Traceback" not in process.output
