from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import saq

from litestar_saq import CronJob
from litestar_saq._cron import cron_key, enqueue_cron_jobs
from litestar_saq.telemetry._state import in_cron
from litestar_saq.testing import InMemoryQueue


async def task(_ctx: Any) -> None: ...


async def other(_ctx: Any) -> None: ...


def keys(*crons: CronJob) -> list[str]:
    return [cron_key(cron, crons) for cron in crons]


def test_a_single_cron_job_has_saqs_key() -> None:
    assert keys(CronJob(task, "* * * * *"), CronJob(other, "* * * * *")) == ["cron:task", "cron:other"]


def test_several_on_one_function_differ_by_their_expression() -> None:
    assert keys(CronJob(task, "0 1 * * *"), CronJob(task, "0 2 * * *"), CronJob(other, "0 1 * * *")) == [
        "cron:task:0 1 * * *",
        "cron:task:0 2 * * *",
        "cron:other",
    ]


def test_several_with_one_expression_differ_by_their_place() -> None:
    twins = [CronJob(task, "0 1 * * *", kwargs={"n": n}) for n in range(3)]
    assert keys(*twins) == ["cron:task:0 1 * * *", "cron:task:0 1 * * *:1", "cron:task:0 1 * * *:2"]


def test_one_that_is_not_unique_takes_no_key_from_the_others() -> None:
    unique, loose = CronJob(task, "0 1 * * *"), CronJob(task, "0 2 * * *", unique=False)
    assert cron_key(unique, [unique, loose]) == "cron:task"


def test_the_keys_do_not_depend_on_the_order_of_different_ones() -> None:
    first, second = CronJob(task, "0 1 * * *"), CronJob(task, "0 2 * * *")
    assert cron_key(first, [first, second]) == cron_key(first, [second, first])


@pytest.mark.parametrize("tz", [UTC, timezone(timedelta(hours=5, minutes=30)), ZoneInfo("America/New_York")])
async def test_the_next_run_is_due_in_the_time_zone(queue: InMemoryQueue, tz: Any) -> None:
    before = datetime.now(tz)
    await enqueue_cron_jobs(queue, [CronJob(task, "30 4 * * *")], tz)
    [job] = queue.enqueued
    due = datetime.fromtimestamp(job.scheduled, tz)
    assert (due.hour, due.minute, due.second) == (4, 30, 0)
    assert timedelta(0) < due - before <= timedelta(days=1, hours=1)


async def test_what_waits_already_is_left_alone(queue: InMemoryQueue) -> None:
    crons = [CronJob(task, "0 1 * * *"), CronJob(task, "0 2 * * *")]
    await enqueue_cron_jobs(queue, crons, UTC)
    await enqueue_cron_jobs(queue, crons, UTC)
    assert sorted(job.key for job in queue.enqueued) == ["cron:task:0 1 * * *", "cron:task:0 2 * * *"]


async def test_a_cron_jobs_options_are_those_of_its_jobs(queue: InMemoryQueue) -> None:
    meta = {"origin": "cron"}
    cron = CronJob(task, "0 1 * * *", timeout=60, heartbeat=5, retries=3, ttl=-1, kwargs={"a": 1}, meta=meta)
    await enqueue_cron_jobs(queue, [cron], UTC)
    [job] = queue.enqueued
    assert (job.timeout, job.heartbeat, job.retries, job.ttl) == (60, 5, 3, -1)
    assert (job.function, job.kwargs, job.meta) == ("task", {"a": 1}, meta)
    assert cron.meta is meta
    job.meta["seen"] = True
    assert meta == {"origin": "cron"}


async def test_options_that_are_not_given_are_saqs(queue: InMemoryQueue) -> None:
    await enqueue_cron_jobs(queue, [CronJob(task, "0 1 * * *")], UTC)
    [job] = queue.enqueued
    assert (job.timeout, job.heartbeat, job.retries, job.ttl) == (10, 0, 1, 600)


async def test_a_stock_cron_job_is_taken(queue: InMemoryQueue) -> None:
    await enqueue_cron_jobs(queue, [saq.CronJob(task, "0 1 * * *")], UTC)
    assert [job.key for job in queue.enqueued] == ["cron:task"]


async def test_enqueueing_is_known_as_crons(queue: InMemoryQueue) -> None:
    seen = []

    async def note(_job: Any) -> None:
        seen.append(in_cron.get())

    queue.register_before_enqueue(note)
    await enqueue_cron_jobs(queue, [CronJob(task, "0 1 * * *")], UTC)
    await queue.enqueue("task")
    assert seen == ["0 1 * * *", None]
