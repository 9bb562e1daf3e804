"""Hooks, their order and context; cron jobs and timers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from saq import Status

if TYPE_CHECKING:
    from saq import Job

    from tests.integration.processes.run import Run

APP = "hooks_app:app"
WORKER_KEYS = ["queue", "task_queues", "worker", "worker_id"]


async def test_hooks_run_in_order_with_the_whole_context(run: Run) -> None:
    process = run.workers("-v", "--queues", run.queue_name("a"), app=APP)
    ended: list[Job] = []
    for number, function in enumerate(["work", "by-name", "fail"], 1):
        ended.append(await run.ended(await run.enqueue(function)))
        await run.told("hook", times=number, name="after, threaded")  # a job's hooks may end after its end is stored
    done, named, failed = ended
    assert [job.status for job in (done, named, failed)] == [Status.COMPLETE, Status.COMPLETE, Status.FAILED]
    await run.told("outcome", times=3)
    info = await (await run.queue("a")).info()
    assert list(info["workers"]) == [f"worker-{run.name}"]
    assert info["workers"][f"worker-{run.name}"]["metadata"] == {"team": "reports"}
    await run.says(process, "Job completed", times=3)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0

    told = run.events("hook")
    around = ["before", "job", "after, threaded"]
    ends = ["shutdown", "shutdown, threaded"]
    assert [one["name"] for one in told] == ["startup", "startup, threaded", *around * 3, *ends]
    assert [one["job"] for one in told] == [
        *[None] * 2,
        *[job.key for job in (done, named, failed) for _ in around],
        *[None] * 2,
    ]
    for one in told:
        assert one["worker"]
        assert one["queues"]
        keys = [key for key in one["keys"] if key != "exception"]
        assert keys == sorted([*WORKER_KEYS, *(["job"] if one["job"] else [])])
    assert [(one["job"], one["status"], one["exception"]) for one in run.events("outcome")] == [
        (done.key, "complete", "NoneType"),
        (named.key, "complete", "NoneType"),
        (failed.key, "failed", "ValueError"),
    ]
    for line in ("SAQ worker starting", "Processing job", "Job completed", "Job completed in", "SAQ worker shutting"):
        assert line in process.output


async def test_two_cron_jobs_on_one_function_run_and_a_time_zone_counts(run: Run) -> None:
    process = run.workers("--queues", run.queue_name("b"), app=APP)
    often = await run.told("tick", kind="every second", times=3)
    rarely = await run.told("tick", kind="every other second", times=2)
    assert {str(one["meta"]["origin"]) for one in often} == {"first"}
    assert not any("origin" in one["meta"] for one in rarely)
    assert len({one["key"] for one in often + rarely}) == 2

    queue = await run.queue("b")

    async def is_there() -> bool:
        return await queue.job("cron:work") is not None

    await run.until(is_there, "the cron job of a time zone")
    job = await queue.job("cron:work")
    assert job is not None
    assert job.scheduled == run.events("expected")[0]["at_s"]
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_timers_are_the_configured_ones(run: Run) -> None:
    # Of a worker whose next `worker_info` is minutes away, nothing is heard of after it was forgotten.
    process = run.workers("--queues", run.queue_name("a"), app=APP)
    await run.workers_live(1, "a")
    queue = await run.queue("a")
    redis = queue.redis  # type: ignore[attr-defined]
    lasting = [await redis.ttl(key) async for key in redis.scan_iter(f"*worker_info:worker-{run.name}*")]
    assert lasting
    assert all(200 < seconds <= 311 for seconds in lasting)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    assert len((await queue.info())["workers"]) == 0
