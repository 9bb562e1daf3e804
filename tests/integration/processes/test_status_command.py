"""`litestar workers status` asks the brokers."""

from __future__ import annotations

import json
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run

OTHER_PASSWORD = "the-other-password"


def status(run: Run, *arguments: str, **environment: object) -> LitestarProcess:
    return run.start("--app", "status_app:app", "workers", "status", *arguments, **environment)


def queues(process: LitestarProcess) -> dict[str, Any]:
    answer = json.loads(process.stdout)
    assert list(answer) == ["queues"]
    return {queue.pop("name")[0]: queue for queue in answer["queues"]}


async def test_the_numbers_are_the_brokers(run: Run) -> None:
    workers = run.workers("--queues", run.queue_name("a"), "--workers", "2", METHOD="fork")
    await run.workers_live(2, "a")
    for _ in range(3):
        await run.enqueue("held", "a")
    await run.told("started", times=3)
    for _ in range(2):
        await run.enqueue("quick", "b")
    await run.enqueue("quick", "b", scheduled=int(time.time()) + 3600)
    as_json, table = status(run, "--json"), status(run)
    assert await run.exit(as_json) == 0
    assert await run.exit(table) == 0
    expected = {"broker": "redis", "reachable": True, "error": None}
    assert queues(as_json) == {
        "a": {**expected, "queued": 0, "active": 3, "scheduled": 0, "workers": 2},
        "b": {**expected, "queued": 2, "active": 0, "scheduled": 1, "workers": 0},
    }
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.stdout.splitlines() if "│" in line]
    assert rows == [
        [run.queue_name("a"), "redis", "yes", "0", "3", "0", "2"],
        [run.queue_name("b"), "redis", "yes", "2", "0", "1", "0"],
    ]
    run.release()
    workers.signal(signal.SIGTERM)
    assert await run.exit(workers) == 0
    gone = status(run, "--json")
    assert await run.exit(gone) == 0
    assert queues(gone)["a"] == {**expected, "queued": 0, "active": 0, "scheduled": 0, "workers": 0}


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
async def test_a_broker_that_is_down_makes_the_exit_code_1(run: Run, hangs: bool) -> None:
    with socket.socket() as broker:
        broker.bind(("127.0.0.1", 0))
        if hangs:
            broker.listen()
        port = broker.getsockname()[1]
        dsn = f"redis://somebody:{OTHER_PASSWORD}@127.0.0.1:{port}/0"
        environment = {"DSN_b": dsn, "STATUS_TIMEOUT": 8 if hangs else 60}
        before = time.monotonic()
        as_json, table = status(run, "--json", **environment), status(run, "-v", **environment)
        assert await run.exit(as_json) == 1
        assert await run.exit(table) == 1
    assert time.monotonic() - before < 30
    told = queues(as_json)
    assert told["a"]["reachable"] is True
    error = "no answer within 8 s" if hangs else "ConnectionError"
    assert told["b"] == {
        "broker": "redis",
        "reachable": False,
        "queued": None,
        "active": None,
        "scheduled": None,
        "workers": None,
        "error": error,
    }
    assert error in table.stdout
    for process in (as_json, table):
        assert OTHER_PASSWORD not in process.output
        assert "somebody" not in process.output
        assert "Traceback" not in process.output


async def test_a_wrong_password_is_not_shown(run: Run) -> None:
    wrong = run.dsn.replace("redis://", "redis://x:", 1) if "@" not in run.dsn else run.dsn.replace("@", "-wrong@")
    process = status(run, "--json", DSN_b=wrong)
    assert await run.exit(process) == 1
    assert queues(process)["b"]["error"] == "AuthenticationError"
