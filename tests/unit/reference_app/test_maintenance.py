from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from saq.job import Status

from reference_app import maintenance
from reference_app.failures import fail_report_of_job
from reference_app.maintenance import expire_reports, recover_reports
from reference_app.reading import check_file
from reference_app.steps import TIMEOUT_S, analysis_step, assembly_step, enqueue_step, split_step
from reference_app.store import store_of
from reference_app.tasks import SourceLostError, analyse_column, split_report

if TYPE_CHECKING:
    import httpx

    from litestar_saq import TaskQueues
    from reference_app.reports import Report
    from reference_app.steps import Step
    from reference_app.store import Store

FILE = b"name,size\nada,1\n"
REPORT = "0" * 32


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a report for settled as soon as it is there."""
    monkeypatch.setattr(maintenance, "_SETTLED_S", -1)


@pytest.fixture
async def context(store: Store, queues: TaskQueues) -> Any:
    await store.create(REPORT, FILE, check_file(FILE, max_columns=10), trace_id=None, ttl_s=3600)
    return {"task_queues": queues}


async def found(store: Store) -> Report:
    report = await store.get(REPORT)
    assert report is not None
    return report


async def give_up(queues: TaskQueues, step: Step, status: Status, error: str = "") -> Any:
    """Leave a step's job as it is when nobody is told of its end."""
    await enqueue_step(queues, step)
    job = await queues.get(step.queue).job(step.key)
    assert job is not None
    await job.finish(status, error=error)
    return job


async def test_a_job_that_is_not_there_is_enqueued(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    await recover_reports(context)
    assert await queues.get("reports").job(split_step(REPORT).key)

    await split_report(context, report_id=REPORT)
    redis: Any = queues.get("analysis").redis
    await redis.flushdb()
    await store.create(REPORT, FILE, check_file(FILE, max_columns=10), trace_id=None, ttl_s=3600)
    await store.mark_split(REPORT)
    await recover_reports(context)

    assert [bool(await queues.get("analysis").job(analysis_step(REPORT, index).key)) for index in (0, 1)] == [True] * 2


async def test_only_what_is_missing_is_enqueued(at_once: None, context: Any, queues: TaskQueues, store: Store) -> None:
    await split_report(context, report_id=REPORT)
    await analyse_column(context, report_id=REPORT, index=0)
    for queue in queues.queues.values():
        async for job in queue.iter_jobs():
            await job.finish(Status.COMPLETE)

    await recover_reports(context)

    assert (await queues.get("reports").info())["queued"] == 0
    jobs = [job async for job in queues.get("analysis").iter_jobs([Status.QUEUED])]
    assert [job.key for job in jobs] == [analysis_step(REPORT, 1).key]
    assert (await found(store)).status == "running"


async def test_the_assembly_is_enqueued_where_its_enqueuer_died(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    await split_report(context, report_id=REPORT)
    for index in (0, 1):
        await store.put_figures(REPORT, index, {"name": "x"}, b"<svg/>")

    await recover_reports(context)

    assert await queues.get("reports").job(assembly_step(REPORT).key)


async def test_a_job_that_waits_or_runs_is_left_alone(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    await enqueue_step(queues, split_step(REPORT))

    await recover_reports(context)

    assert (await queues.get("reports").info())["queued"] == 1
    assert (await found(store)).status == "queued"


async def test_a_job_that_ends_while_others_are_looked_at_is_left_alone(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    columns = 300
    wide = "\n".join(",".join(f"{row}{column}" for column in range(columns)) for row in "ab").encode()
    await store.create(REPORT, wide, check_file(wide, max_columns=columns), trace_id=None, ttl_s=3600)
    await split_report(context, report_id=REPORT)
    last = analysis_step(REPORT, columns - 1)

    recovery = asyncio.create_task(recover_reports(context))
    for _ in range(20):  # by then it looks at the first ones
        await store.ping()
    await store.put_figures(REPORT, columns - 1, {"name": "x"}, b"<svg/>")
    job = await queues.get(last.queue).job(last.key)
    assert job is not None
    await job.finish(Status.COMPLETE)
    assert not recovery.done()
    await recovery

    job = await queues.get(last.queue).job(last.key)
    assert job is not None
    assert job.status is Status.COMPLETE


async def test_a_young_report_is_left_alone(context: Any, queues: TaskQueues) -> None:
    await recover_reports(context)

    assert (await queues.get("reports").info())["queued"] == 0


async def test_a_job_that_was_aborted_in_its_queue_fails_its_report(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    await enqueue_step(queues, split_step(REPORT))
    job = await queues.get("reports").job(split_step(REPORT).key)
    assert job is not None
    await job.abort("not wanted")

    await recover_reports(context)

    report = await found(store)
    assert (report.status, report.error) == (
        "failed",
        "The file could not be split into columns: the job was aborted.",
    )


async def test_a_job_whose_worker_died_too_often_fails_its_report(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    await split_report(context, report_id=REPORT)
    await give_up(queues, analysis_step(REPORT, 1), Status.ABORTED, "swept")

    await recover_reports(context)

    report = await found(store)
    assert (report.status, report.error) == (
        "failed",
        "Column 2 ('size') could not be analysed: its worker did not answer any more.",
    )
    assert await store.list_open(older_than_s=-1) == []


ENDS: list[tuple[Step, BaseException | None, str]] = [
    (split_step(REPORT), SourceLostError(), "The file could not be split into columns: the uploaded data is not in"),
    (
        analysis_step(REPORT, 0),
        TimeoutError(),
        f"('name') could not be analysed: it took longer than {TIMEOUT_S}",
    ),
    (assembly_step(REPORT), MemoryError(), "could not be assembled: the job failed once, at last with MemoryError."),
    (assembly_step(REPORT), None, "could not be assembled: the job failed once."),
]


@pytest.mark.parametrize(("step", "error", "sentence"), ENDS)
async def test_a_job_that_fails_for_good_fails_its_report(
    context: Any, store: Store, queues: TaskQueues, step: Step, error: BaseException | None, sentence: str
) -> None:
    job = await give_up(queues, step, Status.FAILED, "Traceback (most recent call last): ...")
    job.attempts = 1

    await fail_report_of_job({**context, "job": job, "exception": error})

    report = await found(store)
    assert report.status == "failed"
    assert report.error is not None
    assert sentence in report.error
    assert "Traceback" not in report.error


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.QUEUED])
async def test_a_job_that_succeeds_or_will_be_tried_again_fails_nothing(
    context: Any, store: Store, queues: TaskQueues, status: Status
) -> None:
    job = await give_up(queues, split_step(REPORT), Status.COMPLETE)
    job.status = status

    await fail_report_of_job({**context, "job": job})

    assert (await found(store)).status == "queued"


async def test_a_report_is_seen_as_failed_by_its_clients(
    client: httpx.AsyncClient, workers: None, queues: TaskQueues
) -> None:
    # A file that the jobs can't read, as it never comes by the API: the cells are not what was counted.
    layout = check_file(FILE, max_columns=10)
    await store_of(queues).create(REPORT, b"name,size\n", layout, trace_id=None, ttl_s=3600)
    await enqueue_step(queues, split_step(REPORT))

    told = (await client.get(f"/reports/{REPORT}/events")).text.splitlines()

    report = (await client.get(f"/reports/{REPORT}")).json()
    assert report["status"] == "failed"
    assert re.fullmatch(
        r"Column [12] \('(name|size)'\) could not be analysed: the uploaded data is not in the store any more\.",
        report["error"],
    )
    assert [line for line in told if line.startswith("event:")][-1] == "event: failed"
    assert report["error"] in [line for line in told if line.startswith("data:")][-1]


async def test_what_is_over_is_deleted(context: Any, store: Store, queues: TaskQueues) -> None:
    await split_report(context, report_id=REPORT)
    other = "1" * 32
    await store.create(other, FILE, check_file(FILE, max_columns=10), trace_id=None, ttl_s=-1)
    await split_report(context, report_id=other)
    await store.put_figures(other, 0, {"name": "x"}, b"<svg/>")

    await expire_reports(context)

    redis: Any = queues.get("reports").redis
    assert not [key async for key in redis.scan_iter(f"report:{other}*")]
    assert await store.list_open(older_than_s=-1) == [REPORT]
    assert await store.get(other) is None
    assert (await found(store)).status == "running"


async def test_what_ended_by_itself_is_forgotten(at_once: None, context: Any, store: Store, queues: TaskQueues) -> None:
    redis: Any = queues.get("reports").redis
    await redis.delete(f"report:{REPORT}", f"report:{REPORT}:csv")

    await recover_reports(context)

    assert not [key async for key in redis.scan_iter("report*")]


async def test_the_source_of_a_report_that_ended_half_way_is_dropped(
    at_once: None, context: Any, store: Store, queues: TaskQueues
) -> None:
    redis: Any = queues.get("reports").redis
    await redis.hset(f"report:{REPORT}", "status", "complete")

    await recover_reports(context)

    assert [key async for key in redis.scan_iter(f"report:{REPORT}*")] == [f"report:{REPORT}".encode()]
    assert await store.list_open(older_than_s=-1) == []
