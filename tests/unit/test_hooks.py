from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from saq.job import Status

from litestar_saq import (
    Job,
    Worker,
    after_process_logger,
    before_process_logger,
    shutdown_logger,
    startup_logger,
    timing_after_process,
    timing_before_process,
)
from litestar_saq.testing import InMemoryQueue, run_until_empty

SECRET = "hunter2"
Hook = Callable[[Any], Awaitable[None]]
HOOKS: list[Hook] = [
    startup_logger,
    shutdown_logger,
    before_process_logger,
    after_process_logger,
    timing_before_process,
    timing_after_process,
]


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "litestar_saq.hooks")


@pytest.fixture
def job(queue: InMemoryQueue) -> Job:
    return Job("send", kwargs={"to": SECRET}, key="k", queue=queue, status=Status.COMPLETE)


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "litestar_saq.hooks"]


@pytest.mark.parametrize(("hook", "event"), [(startup_logger, "worker_startup"), (shutdown_logger, "worker_shutdown")])
async def test_a_workers_start_and_end_are_logged(
    hook: Hook, event: str, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    await hook(worker.context)
    [record] = ours(caplog)
    assert record.levelno == logging.INFO
    assert vars(record).items() >= {"event": event, "worker_id": "worker-1", "queue_name": "samples"}.items()


async def test_a_stock_workers_context_will_do(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    await startup_logger({"worker": worker})
    assert vars(ours(caplog)[0]).items() >= {"worker_id": "worker-1", "queue_name": "samples"}.items()


@pytest.mark.parametrize(
    ("hook", "event"), [(before_process_logger, "job_start"), (after_process_logger, "job_complete")]
)
async def test_a_jobs_begin_and_end_are_logged(
    hook: Hook, event: str, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    await hook({"job": job})
    [record] = ours(caplog)
    assert record.levelno == logging.DEBUG
    assert vars(record).items() >= {"event": event, "job_id": job.id, "function": "send"}.items()


async def test_the_status_is_logged_after_the_job(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    await after_process_logger({"job": job})
    assert vars(ours(caplog)[0])["status"] == Status.COMPLETE


async def test_the_time_of_a_job_is_logged(
    job: Job, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    context: Any = {"job": job}
    start = time.time()
    monkeypatch.setattr(time, "time", lambda: start)
    await timing_before_process(context)
    monkeypatch.setattr(time, "time", lambda: start + 1.25)
    await timing_after_process(context)
    [record] = ours(caplog)
    assert record.levelno == logging.INFO
    assert record.getMessage() == "Job completed in 1250.00ms"
    assert vars(record)["duration_ms"] == pytest.approx(1250)


async def test_a_time_without_a_start_is_a_warning(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    await timing_after_process({"job": job})
    [record] = ours(caplog)
    assert record.levelno == logging.WARNING
    assert "without timing_before_process" in record.getMessage()


@pytest.mark.parametrize("hook", HOOKS)
async def test_no_hook_needs_anything_in_the_context(hook: Hook) -> None:
    await hook({})


@pytest.mark.parametrize("hook", HOOKS)
async def test_no_hook_logs_arguments(hook: Hook, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    await hook({"job": job})
    assert SECRET not in caplog.text
    assert SECRET not in str([vars(record) for record in ours(caplog)])


async def test_all_hooks_work_around_a_real_job(queue: InMemoryQueue, caplog: pytest.LogCaptureFixture) -> None:
    async def send(_ctx: Any, *, to: str) -> None: ...

    await queue.enqueue("send", to=SECRET)
    await run_until_empty(
        queue,
        [("send", send)],
        startup=startup_logger,
        shutdown=[shutdown_logger],
        before_process=[timing_before_process, before_process_logger],
        after_process=[after_process_logger, timing_after_process],
    )
    assert [vars(record)["event"] for record in ours(caplog)] == [
        *("worker_startup", "job_start", "job_complete", "job_timing", "worker_shutdown"),
    ]
    assert SECRET not in caplog.text
