from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from saq.job import Status

from reference_app.reading import check_file
from reference_app.steps import analysis_step, enqueue_step, split_step
from reference_app.tasks import SourceLostError, analyse_column, assemble_report, split_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar_saq import TaskQueues
    from reference_app.reports import Report
    from reference_app.store import Store

FILE = b"name,size,born\nada,1,2024-01-01\ngrace,2.5,\n,3,2024-02-01\n"
REPORT = "0" * 32
FUNCTIONS: dict[str, Any] = {
    "split_report": split_report,
    "analyse_column": analyse_column,
    "assemble_report": assemble_report,
}


async def upload(store: Store, queues: TaskQueues, *, ttl_s: int = 3600) -> None:
    await store.create(REPORT, FILE, check_file(FILE, max_columns=10), trace_id=None, ttl_s=ttl_s)
    await enqueue_step(queues, split_step(REPORT))


async def work(queues: TaskQueues) -> list[str]:
    """Run the jobs, one after the other, until there is none; one that is killed is run again, as if it was swept."""
    context: Any = {"task_queues": queues}
    ran = []
    names = ["analysis", "reports"]
    while names:
        queue = queues.get(names[-1])
        if not await queue.count("queued"):
            names.pop()
            continue
        job = await queue.dequeue()
        assert job is not None
        names = ["analysis", "reports"]
        ran.append(job.function)
        try:
            await FUNCTIONS[job.function](context, **(job.kwargs or {}))
        except KilledError:
            job.retry_delay = 0
            await job.retry("killed")
        else:
            await job.finish(Status.COMPLETE)
    return ran


async def found(store: Store) -> Report:
    report = await store.get(REPORT)
    assert report is not None
    return report


class KilledError(BaseException):
    """The process dies here."""


def kill_at(patch: pytest.MonkeyPatch, number: int, *, after: bool) -> Callable[[], bool]:
    """Die at the broker's n-th command of a job, before it is carried out or after; tell whether that was reached."""
    commands = 0

    def counted(command: Any) -> Any:
        async def run(self: Any, *arguments: Any, **options: Any) -> Any:
            nonlocal commands
            # The fetching and finishing of jobs is the worker's, and not what is cut off here.
            ours = arguments[:1] not in {("BLMOVE",), ("INFO",), ("LLEN",)}
            commands += ours
            at = ours and commands == number
            if at and not after:
                raise KilledError
            answer = await command(self, *arguments, **options)
            if at:
                raise KilledError
            return answer

        return run

    patch.setattr(Redis, "execute_command", counted(Redis.execute_command))
    patch.setattr(Pipeline, "execute", counted(Pipeline.execute))
    return lambda: commands >= number


async def test_the_jobs_make_the_report(store: Store, queues: TaskQueues) -> None:
    await upload(store, queues)

    ran = await work(queues)

    assert sorted(ran) == ["analyse_column"] * 3 + ["assemble_report", "split_report"]
    report = await found(store)
    assert (report.status, report.progress, report.done) == ("complete", 1.0, 3)
    assert [(column["name"], column["type"], column["nulls"]) for column in report.columns] == [
        ("name", "string", 1),
        ("size", "number", 0),
        ("born", "date", 1),
    ]


@pytest.mark.parametrize("after", [False, True], ids=["before a command", "after a command"])
async def test_a_job_can_be_cut_off_anywhere_and_run_again(store: Store, queues: TaskQueues, after: bool) -> None:
    await upload(store, queues)
    await work(queues)
    whole = await found(store)
    charts = [await store.get_chart(REPORT, index) for index in range(3)]

    for number in range(1, 200):
        await store.delete(REPORT)
        await upload(store, queues)
        with pytest.MonkeyPatch.context() as patch:
            reached = kill_at(patch, number, after=after)
            try:
                await work(queues)
            except KilledError:
                # The worker itself was hit, between its jobs: what it held comes back by the sweep.
                patch.undo()
                for queue in queues.queues.values():
                    async for job in queue.iter_jobs([Status.QUEUED, Status.ACTIVE]):
                        job.retry_delay = 0
                        await queue.retry(job, "killed")
            patch.undo()
            await work(queues)
            assert await found(store) == whole, f"cut off at command {number}"
            assert [await store.get_chart(REPORT, index) for index in range(3)] == charts
        if not reached():
            break
    assert number > 20


async def test_each_job_can_be_run_twice(store: Store, queues: TaskQueues) -> None:
    context: Any = {"task_queues": queues}
    await upload(store, queues)
    await work(queues)
    whole = await found(store)

    await split_report(context, report_id=REPORT)
    for index in range(3):
        await analyse_column(context, report_id=REPORT, index=index)
    await assemble_report(context, report_id=REPORT)

    assert await work(queues) == []
    assert await found(store) == whole


async def test_columns_that_finish_at_once_are_assembled_once(store: Store, queues: TaskQueues) -> None:
    context: Any = {"task_queues": queues}
    await upload(store, queues)
    await split_report(context, report_id=REPORT)

    await asyncio.gather(*(analyse_column(context, report_id=REPORT, index=index) for index in range(3)))

    assert (await queues.get("reports").info())["queued"] == 2  # the split, which was not fetched, and one assembly
    await work(queues)
    assert (await found(store)).status == "complete"


async def test_no_job_waits_for_another(store: Store, queues: TaskQueues) -> None:
    context: Any = {"task_queues": queues}
    await upload(store, queues)
    await split_report(context, report_id=REPORT)
    await analyse_column(context, report_id=REPORT, index=1)

    report = await found(store)

    assert (report.status, report.split, report.done, report.progress) == ("running", True, 1, 0.4)
    assert [column["name"] for column in report.columns] == ["size"]
    assert (await queues.get("analysis").info())["queued"] == 3


async def test_a_report_that_has_ended_stays_as_it_is(store: Store, queues: TaskQueues) -> None:
    await upload(store, queues)
    await store.fail(REPORT, "It was not to be.")

    await work(queues)
    await store.complete(REPORT)

    report = await found(store)
    assert (report.status, report.error, report.columns) == ("failed", "It was not to be.", [])


async def test_what_is_lost_fails_the_job(store: Store, queues: TaskQueues) -> None:
    context: Any = {"task_queues": queues}
    await upload(store, queues)
    await split_report(context, report_id=REPORT)
    redis: Any = queues.get("reports").redis
    await redis.delete(f"report:{REPORT}:csv", f"report:{REPORT}:column:1")

    with pytest.raises(SourceLostError, match="not in the store any more"):
        await split_report(context, report_id=REPORT)
    with pytest.raises(SourceLostError):
        await analyse_column(context, report_id=REPORT, index=1)
    with pytest.raises(SourceLostError):
        await assemble_report(context, report_id=REPORT)


async def test_the_source_is_dropped_and_every_key_ends(store: Store, queues: TaskQueues) -> None:
    redis: Any = queues.get("reports").redis
    await upload(store, queues, ttl_s=3600)
    await split_report({"task_queues": queues}, report_id=REPORT)
    kept = [key async for key in redis.scan_iter(f"report:{REPORT}*")]
    assert len(kept) == 5
    assert all([3600 < await redis.ttl(key) <= 4200 for key in kept])

    await work(queues)

    kept = [key.decode() async for key in redis.scan_iter(f"report:{REPORT}*")]
    assert sorted(kept) == [f"report:{REPORT}", f"report:{REPORT}:charts", f"report:{REPORT}:columns"]
    assert all([3600 < await redis.ttl(key) <= 4200 for key in kept])


async def test_a_job_of_a_report_that_expired_leaves_nothing(store: Store, queues: TaskQueues) -> None:
    await upload(store, queues)
    await store.delete(REPORT)

    await work(queues)
    await enqueue_step(queues, analysis_step(REPORT, 0))
    await work(queues)
    await store.put_figures(REPORT, 0, {}, b"")
    await store.put_cells(REPORT, 0, [b"[]"])

    redis: Any = queues.get("reports").redis
    assert not [key async for key in redis.scan_iter("report*")]
