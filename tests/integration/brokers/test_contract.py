"""What every broker holds."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from saq.job import Status
from saq.queue.base import JobError, Queue
from saq.utils import now

from litestar_saq import Job, Worker
from litestar_saq import worker as worker_module
from litestar_saq.brokers import _sweeping, broker_of
from litestar_saq.exceptions import JobFieldError, JobTooLargeError

StartWorker = Callable[..., Worker]


async def add(_ctx: Any, a: int, b: int) -> int:
    return a + b


async def fail(_ctx: Any) -> None:
    raise RuntimeError("on purpose")


async def unstorable(_ctx: Any) -> Any:
    return {"value": object()}


async def cancel_itself(_ctx: Any) -> None:
    raise asyncio.CancelledError


async def until(check: Callable[[], Any], seconds: float = 20) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await check()):
            await asyncio.sleep(0.02)
        return found


async def status_of(queue: Queue, key: str) -> Status | None:
    job = await queue.job(key)
    return job.status if job else None


async def finished(queue: Queue, key: str) -> Job:
    async def done() -> Any:
        job = await queue.job(key)
        return job if job and job.status in {Status.COMPLETE, Status.FAILED, Status.ABORTED} else None

    job: Job = await until(done)
    return job


async def test_apply_and_map(queue: Queue, run_worker: StartWorker) -> None:
    run_worker(add)
    assert await queue.apply("add", a=1, b=2, timeout=20) == 3
    assert await queue.map("add", [{"a": 1, "b": 2}, {"a": 3, "b": 4}], timeout=20) == [3, 7]


async def test_a_key_is_in_the_queue_once(queue: Queue, key: str) -> None:
    assert await queue.enqueue("add", key=key, a=1, b=2)
    assert await queue.enqueue("add", key=key, a=1, b=2) is None
    assert await queue.count("queued") == 1


async def test_jobs_are_ours_and_show_no_arguments(queue: Queue, key: str) -> None:
    enqueued = await queue.enqueue("add", a="secret-argument", b=2, key=key)
    stored = await queue.job(key)
    assert isinstance(enqueued, Job)
    assert isinstance(stored, Job)
    assert stored.kwargs == {"a": "secret-argument", "b": 2}
    assert "secret-argument" not in f"{enqueued!r} {stored!r} {stored.info(full=True)}"


async def test_the_callers_arguments_are_not_changed(queue: Queue) -> None:
    given = {"a": 1}
    await queue.enqueue("add", kwargs=given, b=2)
    assert given == {"a": 1}


@pytest.mark.parametrize("started_s", [0, 0.001, 0.003, 0.01])
async def test_a_worker_that_is_told_to_end_while_it_begins_ends(queue: Queue, started_s: float) -> None:
    for turns in range(10):
        worker = Worker(queue, [add])
        worker.start_in_background()
        for _ in range(turns):
            await asyncio.sleep(0)
        if started_s:
            await asyncio.sleep(started_s)
        async with asyncio.timeout(60):
            await worker.stop_in_background()


async def test_a_worker_that_has_ended_can_be_started_again(queue: Queue) -> None:
    worker = Worker(queue, [add])
    for _ in range(2):
        worker.start_in_background()
        assert await queue.apply("add", a=1, b=2) == 3
        await worker.stop_in_background()


async def test_a_failure_is_kept_with_its_trace(queue: Queue, run_worker: StartWorker) -> None:
    run_worker(fail)
    with pytest.raises(JobError, match="on purpose"):
        await queue.apply("fail", timeout=20)


async def test_retries_are_counted(queue: Queue, key: str, run_worker: StartWorker) -> None:
    run_worker(fail)
    await queue.enqueue("fail", key=key, retries=3)
    job = await finished(queue, key)
    assert (job.status, job.attempts) == (Status.FAILED, 3)


async def test_an_unknown_function_fails_and_says_which_there_are(
    queue: Queue, key: str, run_worker: StartWorker
) -> None:
    run_worker(add)
    await queue.enqueue("subtract", key=key)
    job = await finished(queue, key)
    assert job.status is Status.FAILED
    assert "no function 'subtract'; it has: add" in str(job.error)


async def test_a_result_that_cannot_be_stored_is_a_failure(queue: Queue, key: str, run_worker: StartWorker) -> None:
    run_worker(unstorable)
    await queue.enqueue("unstorable", key=key)
    job = await finished(queue, key)
    assert (job.status, job.result) == (Status.FAILED, None)


async def test_a_job_that_cancels_itself_is_a_failure(queue: Queue, key: str, run_worker: StartWorker) -> None:
    run_worker(cancel_itself)
    await queue.enqueue("cancel_itself", key=key)
    job = await finished(queue, key)
    assert job.status is Status.FAILED
    assert "cancelled itself" in str(job.error)


async def test_a_timeout_ends_the_job(queue: Queue, key: str, run_worker: StartWorker) -> None:
    async def endless(_ctx: Any) -> None:
        await asyncio.Event().wait()

    run_worker(("endless", endless))
    await queue.enqueue("endless", key=key, timeout=1)
    assert (await finished(queue, key)).status is Status.FAILED


async def test_a_running_job_is_aborted(queue: Queue, key: str, run_worker: StartWorker) -> None:
    cancelled = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    run_worker(("endless", endless), timers={"abort": 1})
    job = await queue.enqueue("endless", key=key, timeout=0)
    assert job

    async def active() -> bool:
        return await status_of(queue, key) is Status.ACTIVE

    await until(active)
    await job.abort("enough")
    async with asyncio.timeout(20):
        await cancelled.wait()
    assert (await finished(queue, key)).status is Status.ABORTED


@pytest.mark.parametrize("makes", ["nothing", "a result", "an error"])
async def test_an_abort_is_written_once(queue: Queue, key: str, run_worker: StartWorker, makes: str) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if makes == "an error":
                raise RuntimeError("on purpose") from None
            if makes == "nothing":
                raise
        return "a result"

    worker = run_worker(("endless", endless), timers={"abort": 3600})
    job = await queue.enqueue("endless", key=key, timeout=0, retries=3)
    assert job
    async with asyncio.timeout(20):
        await running.wait()
    await job.abort("enough")
    assert await status_of(queue, key) is Status.ABORTING
    await worker.abort(0)
    stored = await queue.job(key)
    assert stored
    assert (stored.status, stored.error, stored.result) == (Status.ABORTED, "enough", None)
    assert queue.aborted == 1
    # Its key is free, and nothing that comes late ends the next job of it.
    assert await queue.enqueue("endless", key=key, timeout=0)


async def test_a_waiting_job_is_aborted(queue: Queue, key: str) -> None:
    job = await queue.enqueue("add", key=key, a=1, b=1)
    assert job
    await job.abort("enough")
    assert await status_of(queue, key) is Status.ABORTED
    assert await queue.count("queued") == 0


async def test_a_scheduled_job_waits(queue: Queue, key: str, run_worker: StartWorker) -> None:
    started: list[float] = []

    async def note(_ctx: Any) -> None:
        started.append(time.time())

    due = int(time.time()) + 2
    await queue.enqueue("note", key=key, scheduled=due)
    run_worker(("note", note))
    await finished(queue, key)
    assert started[0] >= due


async def test_info_names_workers_and_jobs(queue: Queue, key: str, run_worker: StartWorker) -> None:
    await queue.enqueue("add", key=key, a=1, b=2, scheduled=int(time.time()) + 3600)
    worker = run_worker(add, metadata={"zone": "b"})

    async def known() -> Any:
        return (await queue.info())["workers"].get(worker.id)

    assert (await until(known))["metadata"] == {"zone": "b"}
    info = await queue.info(jobs=True)
    assert [job["key"] for job in info["jobs"]] == [key]


async def test_an_idle_worker_ends_at_once_in_spite_of_its_grace(queue: Queue) -> None:
    worker = Worker(queue, [add], shutdown_grace_period_s=600)
    worker.start_in_background()
    assert await queue.apply("add", a=1, b=1, timeout=20) == 2
    async with asyncio.timeout(30):
        await worker.stop_in_background()


async def test_the_end_of_a_worker_puts_its_jobs_back_and_counts_no_attempt(queue: Queue, key: str) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    worker = Worker(queue, [("endless", endless)])
    worker.start_in_background()
    await queue.enqueue("endless", key=key, timeout=0)
    async with asyncio.timeout(20):
        await running.wait()
    await worker.stop_in_background()
    job = await queue.job(key)
    assert job
    assert (job.status, job.attempts) == (Status.QUEUED, 0)
    assert (await queue.count("queued"), await queue.count("active")) == (1, 0)


async def test_a_fetched_job_goes_back(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2)
    job = await queue.dequeue(timeout=5)
    assert job
    await broker_of(queue).release(queue, job)
    assert (await queue.count("queued"), await queue.count("active")) == (1, 0)
    again = await queue.dequeue(timeout=5)
    assert again
    assert (again.key, again.attempts) == (key, 0)


async def until_stuck(queue: Queue, key: str) -> None:
    async with asyncio.timeout(30):
        while not (job := await queue.job(key)) or not job.stuck:
            await asyncio.sleep(0.05)


async def test_a_sweep_leaves_a_job_that_was_just_fetched(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2)
    assert await queue.dequeue(timeout=5)
    assert await queue.sweep(lock=1) == []
    assert (await queue.count("queued"), await queue.count("active")) == (0, 1)


async def test_a_sweep_takes_a_stuck_job(queue: Queue, key: str, run_worker: StartWorker) -> None:
    await queue.enqueue("add", key=key, a=1, b=2, retries=2, timeout=1)
    lost = await queue.dequeue(timeout=5)
    assert lost
    lost.started, lost.attempts = 1, 1
    await lost.update(status=Status.ACTIVE)
    run_worker(add, timers={"sweep": 1})
    job = await finished(queue, key)
    assert (job.status, job.result, job.attempts) == (Status.COMPLETE, 3, 2)


async def test_what_ends_after_it_was_swept_ends_no_later_attempt(
    queue: Queue, key: str, run_worker: StartWorker
) -> None:
    may_end = asyncio.Event()

    async def work(ctx: Any) -> int:
        attempt: int = ctx["job"].attempts
        if attempt == 1:
            await may_end.wait()
        return attempt

    # It lives, and does not hear that its job is to be aborted, as one whose loop is busy.
    run_worker(("work", work), concurrency=1, timers={"sweep": 1, "abort": 3600})
    await queue.enqueue("work", key=key, heartbeat=1, timeout=0, retries=2)

    async def is_queued_again() -> bool:
        job = await queue.job(key)
        return bool(job and job.status is Status.QUEUED and job.attempts)

    await until(is_queued_again, 60)
    may_end.set()
    job = await finished(queue, key)
    assert (job.status, job.result, job.attempts) == (Status.COMPLETE, 2, 2)


async def test_a_sweep_that_takes_its_time_leaves_what_is_alive_by_then(
    queue: Queue, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Oldest or newest first, a dead one comes before the living one, and each takes the sweep 3 s.
    monkeypatch.setattr(_sweeping, "_SWEEPS_AT_ONCE", 1)
    for part in ("dead", "alive", "dead too"):
        await queue.enqueue("add", key=key + part, a=1, b=2, heartbeat=1, timeout=0)
        job = await queue.dequeue(timeout=5)
        assert job
        job.started, job.attempts = 1, 1
        await job.update(status=Status.ACTIVE)
    alive = await queue.job(key + "alive")
    assert alive

    async def beat() -> None:
        while await broker_of(queue).touch(queue, alive):
            await asyncio.sleep(0.05)

    for part in ("dead", "dead too"):
        await until_stuck(queue, key + part)
    beats = asyncio.create_task(beat())
    swept = await queue.sweep(lock=1, abort=3)
    beats.cancel()
    assert {str(name).endswith(("dead", "dead too")) for name in swept} == {True}
    assert len(swept) == 2
    stored = await queue.job(key + "alive")
    assert stored
    assert (stored.status, stored.error) == (Status.ACTIVE, None)


async def test_a_beat_touches_and_changes_nothing_else(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2)
    job = await queue.dequeue(timeout=5)
    assert job
    job.started, job.attempts = 1, 1
    await job.update(status=Status.ACTIVE)
    other = await queue.job(key)
    assert other
    await other.update(progress=0.5)
    job.progress = 0.1
    before = other.touched
    await asyncio.sleep(0.005)  # the clock of `touched` counts milliseconds
    assert await broker_of(queue).touch(queue, job)
    stored = await queue.job(key)
    assert stored
    assert stored.progress == 0.5
    assert stored.touched > before


async def test_a_beat_never_revives_a_job(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2)
    job = await queue.dequeue(timeout=5)
    assert job
    job.started, job.attempts = 1, 1
    await job.update(status=Status.ACTIVE)
    late = await queue.job(key)
    assert late
    await job.finish(Status.COMPLETE, result=3)
    assert not await broker_of(queue).touch(queue, late)
    stored = await queue.job(key)
    assert stored
    assert (stored.status, stored.result) == (Status.COMPLETE, 3)


async def test_batch_aborts_its_children_when_its_body_fails(queue: Queue, key: str) -> None:
    with pytest.raises(RuntimeError, match="body"):
        async with queue.batch():
            await queue.enqueue("add", key=key, a=1, b=2)
            raise RuntimeError("body")
    assert await status_of(queue, key) is Status.ABORTED


async def test_iter_jobs_by_status(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2)
    assert {job.key async for job in queue.iter_jobs(statuses=[Status.QUEUED])} == {key}
    assert [job.key async for job in queue.iter_jobs(statuses=[Status.FAILED])] == []


async def test_it_can_be_connected_again(queue: Queue) -> None:
    await queue.disconnect()
    await queue.connect()
    assert await queue.enqueue("add", a=1, b=2)


async def test_burst_ends_when_nothing_is_left(queue: Queue, key: str) -> None:
    keys = [f"{key}{i}" for i in range(7)]
    for each in keys:
        await queue.enqueue("add", key=each, a=1, b=2)
    worker = Worker(queue, [add], concurrency=3, burst=True, dequeue_timeout=6)
    worker.SIGNALS = []
    async with asyncio.timeout(60):
        await worker.start()
    assert [await status_of(queue, each) for each in keys] == [Status.COMPLETE] * 7


async def test_a_worker_that_has_ended_is_not_live(
    queue: Queue, broker: str, run_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_FORGET_S", 30)
    worker = Worker(queue, [add], timers={"worker_info": 1})
    worker.start_in_background()
    other = run_worker(add)

    async def live() -> set[str]:
        return set((await queue.info())["workers"])

    async def both_are_live() -> bool:
        return await live() == {worker.id, other.id}

    async def one_is_live() -> bool:
        return await live() == {other.id}

    await until(both_are_live)
    await worker.stop_in_background()
    if broker == "http":
        # SAQ's proxy has no word for it: the worker's time must be up.
        await until(one_is_live)
    assert await one_is_live()


async def test_a_sweep_does_not_wait_for_good_for_a_job_of_which_much_is_told(queue: Queue, key: str) -> None:
    await queue.enqueue("add", key=key, a=1, b=2, timeout=1, retries=2)
    job = await queue.dequeue(timeout=5)
    assert job
    job.started, job.attempts = 1, 1
    await job.update(status=Status.ACTIVE)
    sweep = asyncio.create_task(queue.sweep(lock=1, abort=1))

    async def chatter() -> None:
        # As a beat does that is written over what the sweep has written.
        while not sweep.done():
            stored = await queue.job(key)
            assert stored
            if stored.status is Status.ABORTING:
                await stored.update()
            await asyncio.sleep(0.1)

    async with asyncio.timeout(30):
        await asyncio.gather(sweep, chatter())


async def test_a_late_outcome_takes_the_place_of_its_own_attempt_alone(queue: Queue, key: str) -> None:
    broker = broker_of(queue)
    await queue.enqueue("add", key=key, a=1, b=2, retries=3)
    for attempt in (1, 2):
        job = await queue.dequeue(timeout=5)
        assert job
        job.started = job.attempts = attempt
        await job.update(status=Status.ACTIVE)
        assert not await broker.expect(queue, job, (attempt, 3))
        assert await broker.expect(queue, job, (attempt, attempt))
        if attempt == 1:
            other = await queue.job(key)
            assert other
            await other.retry("it was faster")
            if broker.name in {"redis", "postgresql"}:  # the others can't compare what they replace
                await job.finish(Status.COMPLETE, result=3)
            assert not await broker.expect(queue, job, (attempt, attempt))
            assert await status_of(queue, key) is Status.QUEUED
        else:
            await job.finish(Status.COMPLETE, result=3)
    ended = await finished(queue, key)
    assert (ended.status, ended.result, ended.attempts) == (Status.COMPLETE, 3, 2)
    assert await queue.count("incomplete") == 0


async def begun(queue: Queue, key: str, worker_id: str, **options: Any) -> Job:
    """Enqueue a job, and begin it as a worker does."""
    await queue.enqueue("add", key=key, a=1, b=2, **options)
    job = await queue.dequeue(timeout=5)
    assert isinstance(job, Job)
    job.started, job.attempts, job.worker_id = now(), job.attempts + 1, worker_id
    await job.update(status=Status.ACTIVE)
    return job


LEASED = pytest.mark.parametrize("broker", ["redis", "postgres"], indirect=True)
"""The brokers that know of leases: the workers of others are a proxy's, or of this process alone."""


@LEASED
async def test_jobs_of_a_dead_worker_come_back_and_those_of_a_living_one_stay(
    queue: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.leases, "lease_s", 0.2)
    await queue.leases.hold("dead")
    monkeypatch.setattr(queue.leases, "lease_s", 600)
    await queue.leases.hold("living")
    for worker_id in ("dead", "living", "stock"):
        await begun(queue, key + worker_id, worker_id, timeout=0)
    gone: frozenset[str] = frozenset()
    async with asyncio.timeout(20):
        while not gone:
            living, gone = await queue.leases.workers()
    assert (living, gone) == ({"living"}, {"dead"})
    assert [str(name).endswith(key + "dead") for name in await queue.recover()] == [True]
    job = await queue.job(key + "dead")
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert [await status_of(queue, key + one) for one in ("living", "stock")] == [Status.ACTIVE, Status.ACTIVE]
    assert await queue.leases.workers() == ({"living"}, frozenset())
    again = await queue.dequeue(timeout=5)
    assert again.key == key + "dead"
    await queue.leases.let_go("living")


async def test_what_is_to_become_of_a_lost_job_is_refused_where_it_is_asked_for(queue: Any, key: str) -> None:
    with pytest.raises(ValueError, match=r"meta\['on_worker_loss'\] = 'ignore' .* 'retry' or 'abort'"):
        await queue.enqueue("add", key=key, a=1, b=2, meta={"on_worker_loss": "ignore"})
    assert await queue.job(key) is None
    assert await queue.enqueue("add", key=key, a=1, b=2, meta={"on_worker_loss": "abort"})


@LEASED
async def test_a_living_worker_s_jobs_are_not_overdue_by_another_clock(
    queue: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.leases, "lease_s", 600)
    await queue.leases.hold("living")
    job = await begun(queue, key, "living", timeout=1, heartbeat=60)
    job.started -= 120_000
    job.touched = 0
    await job.update(status=Status.ACTIVE)
    for _ in range(2):
        assert await queue.sweep(lock=1, abort=0.01) == []
    await queue.leases.let_go("living")


@LEASED
async def test_a_worker_s_lease_is_kept_by_a_thread_while_its_loop_is_busy(
    queue: Any, run_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.leases, "lease_s", 4.0)
    worker = run_worker(add)

    async def lives() -> bool:
        return worker.id in (await queue.leases.workers())[0]

    for _ in range(3):  # a machine that stands still ends a lease too, but hardly three times one after the other
        await until(lives)
        began = time.monotonic()
        time.sleep(6)  # noqa: ASYNC251 - a loop that is busy is what is looked at
        if await lives() and not worker.may_have_lost(began):
            return
    raise AssertionError("the lease was over while the loop was busy, three times")


@LEASED
async def test_what_is_set_for_all_jobs_holds_where_a_job_says_nothing(queue: Any, key: str) -> None:
    queue.job_defaults = {"timeout": 77, "retries": 5, "ttl": 3600}
    job = await queue.enqueue("add", key=key, retries=2)
    assert (job.timeout, job.retries, job.ttl) == (77, 2, 3600)
    own = await queue.enqueue(Job("add", key=key + "own"))
    assert (own.timeout, own.retries) == (10, 1)


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("timeout", "10", "int, float, None"),
        ("retries", None, "int, float"),
        ("scheduled", "soon", "int, float"),
        ("scheduled", -5, "seconds since 1970, or 0 for at once"),
        ("scheduled", 0.5, "seconds since 1970, or 0 for at once"),
        ("scheduled", True, "seconds since 1970, or 0 for at once"),
        ("scheduled", math.inf, "seconds since 1970, or 0 for at once"),
        ("meta", "x", "dict, None"),
        ("key", b"k", "str"),
        ("kwargs", ["secret"], "dict, None"),
    ],
)
async def test_a_job_that_could_not_be_read_again_is_its_own_caller_s_error(
    queue: Any, key: str, field: str, value: Any, accepted: str
) -> None:
    bad = Job("add", **{"key": key + "bad", field: value})
    outcomes = await asyncio.gather(
        queue.enqueue("add", key=key + "before", a=1, b=1),
        queue.enqueue("add", **({"key": key + "bad", field: value})),
        queue.enqueue(bad),
        queue.enqueue("add", key=key + "after", a=1, b=1),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [Job, JobFieldError, JobFieldError, Job]
    shown = "a list" if field == "kwargs" else "a str" if field == "meta" else repr(value)
    assert str(outcomes[1]) == f"{field} = {shown} of a job of 'add' is not accepted: {accepted}"
    with pytest.raises(JobFieldError):
        await queue.enqueue_many([bad])
    assert await queue.count("queued") == 2
    assert await queue.count("incomplete") == 2


async def test_a_function_is_enqueued_by_its_name(queue: Any) -> None:
    with pytest.raises(TypeError, match="a job or a function's name is enqueued, not a function"):
        await queue.enqueue(add)
    with pytest.raises(TypeError, match=r"not a dict$"):  # it may hold what is secret
        await queue.enqueue({"card": "4111"})


async def test_a_key_may_be_a_number_a_uuid_or_left_to_be_made(queue: Any, run_worker: StartWorker) -> None:
    run_worker(add)
    number, identity = time.time_ns(), uuid.uuid4()
    for given, expected in ((number, str(number)), (identity, str(identity))):
        job = await queue.enqueue("add", key=given, a=1, b=2)
        assert job.key == expected
        assert (await finished(queue, expected)).result == 3
    made = [await queue.enqueue("add", key=None, a=1, b=2) for _ in range(2)]
    assert len({job.key for job in made}) == 2
    assert (await finished(queue, made[0].key)).result == 3


async def test_what_is_scheduled_for_zero_is_due_at_once(queue: Any, key: str, run_worker: StartWorker) -> None:
    run_worker(add)
    await queue.enqueue("add", key=key, scheduled=0.0, a=1, b=2)
    assert (await finished(queue, key)).result == 3


@pytest.mark.parametrize("broker", ["redis", "postgres", "http"], indirect=True)
async def test_a_job_that_is_too_large_is_refused_and_nothing_is_stored(queue: Any, key: str) -> None:
    queue.max_job_bytes = 1000
    assert await queue.enqueue("add", key=key, a="x" * 500)
    with pytest.raises(JobTooLargeError, match=r"a job of 'add' takes 1\d\d\d bytes, and 1000 are accepted"):
        await queue.enqueue("add", key=key + "large", a="x" * 1000)
    with pytest.raises(JobTooLargeError):
        await queue.enqueue_many([Job("add", key=key + "many", kwargs={"a": "ü" * 600})])
    assert await queue.job(key + "large") is None
    assert await queue.count("queued") == 1
