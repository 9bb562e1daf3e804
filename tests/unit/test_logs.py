from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from litestar_saq import Job
from litestar_saq.telemetry.logs import JobContextFilter, bind_job, install_job_filter, job_fields
from litestar_saq.testing import InMemoryQueue, run_until_empty

SECRET = "hunter2"


class Records(logging.Handler):
    """Keeps what it gets, as a user's handler would."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(dict(vars(record)))


@pytest.fixture
def records() -> Iterator[Records]:
    """A handler of a logger that passes nothing on."""
    handler, logger = Records(), logging.getLogger("tests.logs")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    install_job_filter()
    yield handler
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.fixture
def job(queue: InMemoryQueue) -> Job:
    return Job("send", kwargs={"to": SECRET}, key="k", attempts=2, queue=queue)


FIELDS = {"job_key": "k", "function": "send", "queue": "samples", "attempt": 2}


def log(**extra: Any) -> None:
    logging.getLogger("tests.logs").info("told", extra=extra)


def test_the_fields_of_a_job(job: Job) -> None:
    assert job_fields(job) == FIELDS
    assert job_fields(Job("send", key="k"))["queue"] is None


def test_records_have_the_job_while_it_is_bound(job: Job, records: Records) -> None:
    log()
    with bind_job(job):
        log()
    log()
    before, inside, after = records.kept
    assert FIELDS.items() <= inside.items()
    assert not FIELDS.keys() & {*before, *after} - {"function"}
    assert SECRET not in str(inside)


def test_an_inner_job_gives_way_to_the_outer_again(job: Job, records: Records) -> None:
    with bind_job(job):
        with bind_job(Job("inner", key="i")):
            log()
        log()
    assert [one["job_key"] for one in records.kept] == ["i", "k"]


def test_the_job_is_unbound_after_an_error(job: Job, records: Records) -> None:
    with pytest.raises(LookupError), bind_job(job):
        raise LookupError
    log()
    assert "job_key" not in records.kept[0]
    assert structlog.contextvars.get_contextvars() == {}


def test_what_a_record_has_by_itself_stays(job: Job, records: Records) -> None:
    with bind_job(job):
        log(queue="mine")
    assert (records.kept[0]["queue"], records.kept[0]["job_key"]) == ("mine", "k")


def test_the_filter_is_installed_once_and_lets_all_pass(records: Records) -> None:
    install_job_filter()
    install_job_filter()
    assert len([one for one in records.filters if isinstance(one, JobContextFilter)]) == 1
    log()
    assert len(records.kept) == 1


def test_structlog_has_the_job_beside_what_is_bound(job: Job) -> None:
    with structlog.contextvars.bound_contextvars(request="r"):
        with bind_job(job):
            assert structlog.contextvars.get_contextvars() == {**FIELDS, "request": "r"}
        assert structlog.contextvars.get_contextvars() == {"request": "r"}


async def test_tasks_and_threads_of_a_job_have_it_too(job: Job, records: Records) -> None:
    async def inner() -> None:
        log()

    with bind_job(job):
        await asyncio.create_task(inner())
        await asyncio.to_thread(log)
        stranger = threading.Thread(target=log)
        stranger.start()
        stranger.join()
    assert [one.get("job_key") for one in records.kept] == ["k", "k", None]


async def test_jobs_that_run_side_by_side_have_their_own(queue: InMemoryQueue, records: Records) -> None:
    both = asyncio.Barrier(2)

    async def tell(ctx: Any) -> None:
        await both.wait()
        log(expected=ctx["job"].key)

    def tell_in_thread(ctx: Any) -> None:
        log(expected=ctx["job"].key)

    for key in ("a", "b"):
        await queue.enqueue("tell", key=key)
    await queue.enqueue("tell_in_thread", key="c")
    await run_until_empty(queue, [("tell", tell), ("tell_in_thread", tell_in_thread)])
    assert sorted(one["job_key"] for one in records.kept) == ["a", "b", "c"]
    assert all(one["job_key"] == one["expected"] for one in records.kept)
    assert all((one["queue"], one["attempt"]) == ("samples", 1) for one in records.kept)
