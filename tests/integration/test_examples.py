"""The examples run as the README says, as processes, against a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from saq import Queue
from saq.job import Status

ROOT = Path(__file__).parent.parent.parent
LITESTAR = Path(sys.executable).with_name("litestar")
DEADLINE_S = 60


@contextmanager
def worker(example: str, redis_url: str, *arguments: str, **environment: str) -> Iterator[Callable[[], str]]:
    """Run an example's workers; yields what gives their output, and sees that they end in order."""
    command = [LITESTAR, "--app-dir=examples/", "--app", f"{example}:app", "workers", "run", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LITESTAR_", "OTEL_"))}
    env |= {"REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1", **environment}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        output: list[str] = []

        def read() -> str:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            output.append(process.communicate(timeout=DEADLINE_S)[0])
            return "".join(output)

        try:
            yield read
        finally:
            text = read() if not output else output[0]
            assert process.returncode == 0, text


@pytest.fixture
async def run(redis_url: str) -> Any:
    """Run a job on a queue and return it when it has ended."""
    queues: list[Queue] = []

    async def run(queue_name: str, function: str, **options: Any) -> Any:
        queue = Queue.from_url(redis_url, name=queue_name)
        queues.append(queue)
        job = await queue.enqueue(function, **options)
        assert job
        deadline = time.monotonic() + DEADLINE_S
        while not job.completed:
            assert time.monotonic() < deadline, f"{function} has not ended"
            await job.refresh()
        return job

    yield run
    for queue in queues:
        await queue.disconnect()


async def live_workers(redis_url: str, name: str) -> None:
    queue = Queue.from_url(redis_url, name=name)
    deadline = time.monotonic() + DEADLINE_S
    while not (await queue.info())["workers"]:
        assert time.monotonic() < deadline
    await queue.disconnect()


async def test_basic(redis_url: str) -> None:
    with worker("basic", redis_url) as output:
        await live_workers(redis_url, "samples")
        assert "Worker starting" in output()


async def test_minimal(redis_url: str, run: Any) -> None:
    with worker("minimal", redis_url):
        job = await run("greetings", "greet", name="Ada")
    assert job.result == "Hello, Ada!"


async def test_two_queues(redis_url: str, run: Any) -> None:
    with worker("two_queues", redis_url, "--queues", "orders"), worker("two_queues", redis_url, "--queues", "mails"):
        await live_workers(redis_url, "mails")
        order = await run("orders", "take_order", number=7)
    assert order.status is Status.COMPLETE


async def test_monitored(redis_url: str, run: Any) -> None:
    with worker("monitored", redis_url):
        long = await run("long", "long_running_task", heartbeat=2, timeout=60)
        model = await run("long", "train_model", model_id="m", timeout=60)
    assert (long.result, model.result) == ({"status": "complete"}, {"model_id": "m"})


async def test_other_queue(redis_url: str, run: Any) -> None:
    elsewhere = Queue.from_url(redis_url, name="queue-in-other-process")
    before = await elsewhere.count("queued")
    with worker("other_queue", redis_url):
        assert (await run("passing", "pass_on")).result == before
    assert await elsewhere.count("queued") == before + 1
    await elsewhere.disconnect()


async def test_otel_config(redis_url: str) -> None:
    with worker("otel_config", redis_url) as output:
        await live_workers(redis_url, "default")
        assert "Worker starting" in output()


@pytest.mark.parametrize("traces", ["on", "off"])
async def test_tracing(redis_url: str, run: Any, traces: str) -> None:
    with worker("tracing", redis_url, TRACES=traces) as output:
        assert (await run("traced", "measure", word="seven")).result == 5
        text = output()
    assert "count letters" in text
    assert ("process traced" in text) is (traces == "on")


async def test_otel_options(redis_url: str, run: Any) -> None:
    elsewhere = Queue.from_url(redis_url, name="elsewhere")
    before = await elsewhere.count("queued")
    with worker("otel_options", redis_url) as output:
        assert (await run("first", "pass_on")).status is Status.COMPLETE
        text = output()
    assert await elsewhere.count("queued") == before + 2
    assert (text.count("process pass_on"), text.count("enqueue elsewhere"), "worker-first" in text) == (1, 2, True)
    await elsewhere.disconnect()


def test_plain_saq(redis_url: str) -> None:
    command = [Path(sys.executable).with_name("opentelemetry-instrument"), sys.executable, "examples/plain_saq.py"]
    exporters = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "REDIS_URL": redis_url, "PATH": path, **exporters}
    done = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=DEADLINE_S)
    assert "enqueue plain" in done.stdout
    assert "process plain" in done.stdout


def test_testing() -> None:
    subprocess.run([sys.executable, ROOT / "examples" / "testing.py"], check=True, timeout=DEADLINE_S)
