from __future__ import annotations

import copy
from typing import Any

import pytest
import saq

from litestar_saq import CronJob, Job
from litestar_saq.exceptions import FieldError
from litestar_saq.jobs import function_name, load_function
from litestar_saq.testing import InMemoryQueue

SECRET = "hunter2"
HERE = "tests.unit.test_jobs"


async def task(_ctx: Any) -> None: ...


class Task:
    async def __call__(self, _ctx: Any) -> None: ...

    @staticmethod
    async def method(_ctx: Any) -> None: ...


def secret_job() -> Job:
    return Job(
        "send",
        kwargs={"to": SECRET},
        key="k",
        meta={"trace": SECRET},
        result=[SECRET],
        error=f"ValueError: {SECRET}",
        status=saq.Status.FAILED,
        attempts=2,
    )


def test_a_job_shows_no_arguments_result_metadata_or_error() -> None:
    job = secret_job()
    shown = f"{job} {job!r} {job.info()} {job.info(full=True)}"
    assert SECRET not in shown
    assert "function: send" in shown
    assert "key: k" in shown
    assert "kwargs: …" in job.info(full=True)


def test_a_job_without_secrets_shows_none() -> None:
    assert "…" not in Job("send", key="k").info(full=True)


def test_a_job_is_stored_whole() -> None:
    stored = secret_job().to_dict()
    assert (stored["kwargs"], stored["meta"], stored["result"]) == ({"to": SECRET}, {"trace": SECRET}, [SECRET])
    assert SECRET in stored["error"]


def test_showing_a_job_does_not_change_it() -> None:
    job = secret_job()
    before = copy.copy(job.to_dict())
    repr(job)
    assert job.to_dict() == before


def test_jobs_are_the_same_by_their_key() -> None:
    assert Job("a", key="k") == Job("b", key="k") == saq.Job("c", key="k")
    assert Job("a", key="k") != Job("a", key="other")
    assert len({Job("a", key="k"), Job("b", key="k")}) == 1


async def test_a_queue_of_ours_makes_jobs_of_ours(queue: InMemoryQueue) -> None:
    given = await queue.enqueue(Job("send", kwargs={"to": SECRET}, key="k"))
    stored = await queue.job("k")
    assert type(given) is type(stored) is Job
    assert stored is not None
    assert stored.kwargs == {"to": SECRET}


async def test_a_job_of_saqs_can_be_enqueued(queue: InMemoryQueue) -> None:
    assert await queue.enqueue(saq.Job("send", key="k"))
    assert isinstance(await queue.job("k"), Job)


async def test_a_job_of_another_queue_is_refused_without_its_arguments(queue: InMemoryQueue) -> None:
    payload = {"queue": "other", "function": "send", "key": "k", "kwargs": {"to": SECRET}}
    with pytest.raises(ValueError, match="'samples' can't be read: job 'k' belongs to queue 'other'") as caught:
        queue.deserialize(payload)
    assert SECRET not in str(caught.value)
    assert payload["queue"] == "other"


def test_a_cron_job_takes_what_saqs_takes() -> None:
    cron = CronJob(task, "0 4 * * *", unique=False, timeout=60, heartbeat=5, retries=3, ttl=-1, kwargs={"a": 1})
    assert cron.meta == {}
    assert isinstance(cron, saq.CronJob)
    assert (cron.function, cron.name) == (task, "task")


@pytest.mark.parametrize("cron", ["* * * * *", "*/5 1-3 * * mon", "0 0 * * * 30", "@daily"])
def test_a_cron_expression_is_taken(cron: str) -> None:
    assert CronJob(task, cron).cron == cron


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("cron", "every minute", "'every minute'"),
        ("cron", "", "''"),
        ("cron", None, "None"),
        ("cron", "61 * * * *", "'61 * * * *'"),
        ("function", 3, "3"),
        ("function", "nowhere.task", "No module named 'nowhere'"),
        ("unique", 1, "1"),
        ("timeout", -1, "-1"),
        ("timeout", "60", "'60'"),
        ("heartbeat", True, "True"),
        ("retries", 1.5, "1.5"),
        ("ttl", -2, "-2"),
        ("kwargs", [SECRET], "list"),
        ("meta", SECRET, "str"),
    ],
)
def test_a_wrong_value_of_a_cron_job_is_refused(field: str, value: Any, shown: str) -> None:
    with pytest.raises(FieldError) as caught:
        CronJob(**{"function": task, "cron": "* * * * *", field: value})
    assert str(caught.value).startswith(f"CronJob.{field} = ")
    assert shown in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_cron_jobs_function_may_be_an_import_path() -> None:
    assert CronJob(f"{HERE}.task", "* * * * *").function is task


def test_a_function_is_named_as_saq_names_it() -> None:
    assert function_name(task) == "task"
    assert function_name(Task.method) == "Task.method"
    assert function_name("given") == "given"


def test_an_object_that_can_be_called_has_no_name() -> None:
    with pytest.raises(FieldError, match="a function"):
        load_function("QueueConfig", "tasks", Task())


def test_an_error_while_importing_is_not_hidden() -> None:
    with pytest.raises(FieldError, match="does not define") as caught:
        load_function("QueueConfig", "tasks", f"{HERE}.nothing")
    assert isinstance(caught.value.__cause__, ImportError)
