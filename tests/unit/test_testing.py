from __future__ import annotations

import asyncio
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar.exceptions import SerializationException
from saq.job import Status
from saq.queue.base import JobError
from saq.utils import now

from litestar_saq import CronJob, Job, QueueConfig, SAQConfig, Worker
from litestar_saq.brokers import broker_of
from litestar_saq.exceptions import UnknownFunctionError
from litestar_saq.testing import (
    InMemoryQueue,
    MemoryBroker,
    assert_enqueued,
    assert_not_enqueued,
    run_until_empty,
)


@pytest.fixture
def queue() -> InMemoryQueue:
    return InMemoryQueue()


async def add(_ctx: Any, a: int, b: int) -> int:
    return a + b


async def fail(_ctx: Any) -> None:
    raise RuntimeError("on purpose")


async def chain(ctx: Any, left: int) -> int:
    if left:
        await ctx["queue"].enqueue("chain", left=left - 1)
    return left


def age(queue: InMemoryQueue, seconds: float) -> None:
    """Move the store's clock on."""
    queue.store.clock = lambda: time.time() + seconds


async def take_and_start(queue: InMemoryQueue) -> Job:
    job = await queue.dequeue(timeout=5)
    assert job is not None
    job.attempts += 1
    job.started = now()
    await job.update(status=Status.ACTIVE)
    return job


async def counts(queue: InMemoryQueue) -> tuple[int, int, int]:
    return await queue.count("queued"), await queue.count("active"), await queue.count("incomplete")


class TestEnqueue:
    async def test_a_key_is_accepted_once_while_incomplete(self, queue: InMemoryQueue) -> None:
        assert await queue.enqueue("add", key="k", a=1, b=2)
        assert await queue.enqueue("add", key="k", a=1, b=2) is None
        await take_and_start(queue)
        assert await queue.enqueue("add", key="k", a=1, b=2) is None
        await run_until_empty(queue, [add])
        assert [job.key for job in queue.enqueued] == ["k"]

    async def test_a_finished_key_is_accepted_again(self, queue: InMemoryQueue) -> None:
        for a in (1, 2):
            assert await queue.enqueue("add", key="k", a=a, b=2)
            await run_until_empty(queue, [add])
        assert [job.result for job in queue.finished] == [3, 4]

    async def test_what_can_not_be_stored_fails_at_once(self, queue: InMemoryQueue) -> None:
        with pytest.raises(SerializationException):
            await queue.enqueue("add", a=object())
        assert_not_enqueued(queue)

    async def test_an_unstorable_result_fails_the_job(self, queue: InMemoryQueue) -> None:
        async def make(_ctx: Any) -> object:
            return object()

        await queue.enqueue(make.__qualname__)
        [job] = await run_until_empty(queue, [make])
        assert job.status == Status.FAILED

    async def test_own_serializers_are_used(self) -> None:
        kept: list[dict[str, Any]] = []

        def dump(fields: Any) -> str:
            kept.append(dict(fields))
            return str(len(kept) - 1)

        queue = InMemoryQueue(dump=dump, load=lambda text: dict(kept[int(text)]))
        marker = object()
        await queue.enqueue("f", value=marker)
        job = await queue.dequeue()
        assert job is not None
        assert job.kwargs == {"value": marker}

    async def test_a_changed_argument_does_not_change_the_job(self, queue: InMemoryQueue) -> None:
        items = [1]
        await queue.enqueue("f", items=items)
        items.append(2)
        assert_enqueued(queue, "f", items=[1])
        stored = await queue.dequeue()
        assert stored is not None
        assert stored.kwargs == {"items": [1]}

    async def test_a_job_of_another_queue_is_refused(self, queue: InMemoryQueue) -> None:
        with pytest.raises(ValueError, match="different queue"):
            await queue.enqueue(Job("f", queue=InMemoryQueue("other")))


class TestDequeue:
    async def test_first_in_first_out(self, queue: InMemoryQueue) -> None:
        for key in "abc":
            await queue.enqueue("f", key=key)
        assert [(await take_and_start(queue)).key for _ in "abc"] == ["a", "b", "c"]

    async def test_a_waiting_one_wakes_on_enqueue(self, queue: InMemoryQueue) -> None:
        waiting = asyncio.create_task(queue.dequeue())
        await asyncio.sleep(0)
        assert not waiting.done()
        await queue.enqueue("f", key="k")
        job = await asyncio.wait_for(waiting, 10)
        assert job is not None
        assert job.key == "k"

    async def test_it_gives_up_after_its_timeout(self, queue: InMemoryQueue) -> None:
        assert await queue.dequeue(timeout=0.01) is None

    @pytest.mark.parametrize("first", ["cancel", "enqueue"])
    async def test_a_cancelled_one_loses_no_job(self, queue: InMemoryQueue, first: str) -> None:
        waiting = asyncio.create_task(queue.dequeue())
        await asyncio.sleep(0)
        if first == "enqueue":
            await queue.enqueue("f")
        waiting.cancel()
        if first == "cancel":
            await queue.enqueue("f")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await counts(queue) == (1, 0, 1)

    async def test_each_job_goes_to_one_of_many(self, queue: InMemoryQueue) -> None:
        waiting = [asyncio.create_task(queue.dequeue(timeout=10)) for _ in range(5)]
        await asyncio.sleep(0)
        for key in "abcde":
            await queue.enqueue("f", key=key)
        assert sorted(job.key for job in await asyncio.gather(*waiting) if job) == list("abcde")

    async def test_another_thread_wakes_it(self, queue: InMemoryQueue) -> None:
        waiting = asyncio.create_task(queue.dequeue())
        await asyncio.sleep(0)
        thread = threading.Thread(target=lambda: asyncio.run(queue.enqueue("f")))  # type: ignore[arg-type]
        thread.start()
        job = await asyncio.wait_for(waiting, 10)
        thread.join()
        assert job is not None


class TestScheduled:
    async def test_it_waits_for_its_time(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", key="k", scheduled=int(time.time()) + 100)
        assert await queue.schedule() == []
        assert await counts(queue) == (0, 0, 1)
        assert (await queue.info())["scheduled"] == 1
        age(queue, 101)
        assert await queue.schedule() == ["k"]
        assert await counts(queue) == (1, 0, 1)
        assert await queue.schedule() == []

    async def test_what_is_due_runs_and_what_is_later_stays(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", key="due", a=1, b=1, scheduled=int(time.time()) - 1)
        await queue.enqueue("add", key="later", a=2, b=2, scheduled=int(time.time()) + 1000)
        assert [job.key for job in await run_until_empty(queue, [add])] == ["due"]
        assert [job.key for job in queue.make_due("later")] == ["later"]
        assert [job.key for job in await run_until_empty(queue, [add])] == ["later"]

    async def test_make_due_keeps_the_order(self, queue: InMemoryQueue) -> None:
        for key, delay in (("b", 200), ("a", 100), ("c", 300)):
            await queue.enqueue("f", key=key, scheduled=int(time.time()) + delay)
        assert [job.key for job in queue.make_due()] == ["a", "b", "c"]
        assert (await take_and_start(queue)).key == "a"


class TestAbort:
    @pytest.mark.parametrize("delay", [0, 100])
    async def test_a_waiting_job_ends_at_once(self, queue: InMemoryQueue, delay: int) -> None:
        job = await queue.enqueue("f", key="k", scheduled=int(time.time()) + delay if delay else 0)
        assert job is not None
        await job.abort("not wanted")
        await job.refresh()
        assert (job.status, job.error) == (Status.ABORTED, "not wanted")
        assert await counts(queue) == (0, 0, 0)
        assert await queue.enqueue("f", key="k")

    async def test_a_running_job_is_cancelled_by_its_worker(self, queue: InMemoryQueue) -> None:
        cancelled = asyncio.Event()

        async def wait(ctx: Any) -> None:
            try:
                await ctx["job"].abort("enough")
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        await queue.enqueue(wait.__qualname__, timeout=0)
        [job] = await run_until_empty(queue, [wait])
        assert cancelled.is_set()
        assert (job.status, job.error) == (Status.ABORTED, "enough")

    async def test_its_key_is_refused_until_the_worker_has_ended_it(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", key="k")
        job = await take_and_start(queue)
        await job.abort("enough", ttl=500)
        await job.abort("again", ttl=500)
        assert await queue.enqueue("f", key="k") is None
        age(queue, 501)
        assert await queue.enqueue("f", key="k")

    async def test_a_finished_job_stays_as_it_is(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", a=1, b=2)
        [job] = await run_until_empty(queue, [add])
        await job.abort("too late")
        await job.refresh()
        assert (job.status, job.result, job.error) == (Status.COMPLETE, 3, None)


class TestRetry:
    async def test_attempts_are_used_up(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("fail", retries=3)
        [job] = await run_until_empty(queue, [fail])
        assert (job.status, job.attempts) == (Status.FAILED, 3)
        assert "on purpose" in str(job.error)
        assert len(queue.enqueued) == 1

    async def test_a_delay_puts_it_off(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("fail", retries=2, retry_delay=1000)
        assert await run_until_empty(queue, [fail]) == []
        assert await counts(queue) == (0, 0, 1)
        age(queue, 1001)
        [job] = await run_until_empty(queue, [fail])
        assert job.attempts == 2

    async def test_a_scheduled_job_is_retried_once(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("fail", retries=2, scheduled=int(time.time()) - 1)
        await run_until_empty(queue, [fail])
        await queue.schedule()
        assert await counts(queue) == (0, 0, 0)


class TestFinished:
    @pytest.mark.parametrize(("ttl", "kept_s", "gone_s"), [(600, 500, 601), (0, 10**9, None), (-1, None, 0)])
    async def test_it_is_kept_for_its_ttl(
        self, queue: InMemoryQueue, ttl: int, kept_s: int | None, gone_s: int | None
    ) -> None:
        await queue.enqueue("add", key="k", a=1, b=2, ttl=ttl)
        [job] = await run_until_empty(queue, [add])
        assert job.result == 3
        if kept_s is not None:
            age(queue, kept_s)
            assert (await queue.job("k")) is not None
        if gone_s is not None:
            age(queue, gone_s)
            assert await queue.job("k") is None
            assert await queue.jobs(["k"]) == [None]
            assert [job async for job in queue.iter_jobs()] == []

    async def test_an_update_brings_nothing_back(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", key="k", a=1, b=2, ttl=10)
        stale = await queue.job("k")
        assert stale is not None
        await run_until_empty(queue, [add])
        await stale.update(status=Status.ACTIVE, meta={"seen": True})
        stored = await queue.job("k")
        assert stored is not None
        assert (stored.status, stored.meta) == (Status.COMPLETE, {"seen": True})
        age(queue, 11)
        await stale.update()
        assert await queue.job("k") is None

    async def test_an_update_without_status_keeps_that_of_the_broker(self, queue: InMemoryQueue) -> None:
        job = await queue.enqueue("f", key="k")
        assert job is not None
        await take_and_start(queue)
        await job.update(progress=0.5)
        stored = await queue.job("k")
        assert stored is not None
        assert (stored.status, stored.progress) == (Status.ACTIVE, 0.5)


class TestSweep:
    async def stuck(self, queue: InMemoryQueue, **fields: Any) -> Job:
        await queue.enqueue("f", key="k", timeout=1, **fields)
        job = await take_and_start(queue)
        job.started -= 2000
        await job.update()
        return job

    async def test_a_running_job_in_time_is_left_alone(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", timeout=100)
        await take_and_start(queue)
        assert await queue.sweep() == []

    async def test_a_stuck_job_is_retried(self, queue: InMemoryQueue) -> None:
        await self.stuck(queue, retries=2)
        assert await queue.sweep(abort=0.01) == ["k"]
        assert await counts(queue) == (1, 0, 1)

    async def test_a_stuck_job_without_attempts_left_is_aborted(self) -> None:
        queue = InMemoryQueue(swept_error_message="lost")
        await self.stuck(queue)
        await queue.sweep(abort=0.01)
        stored = await queue.job("k")
        assert stored is not None
        assert (stored.status, stored.error) == (Status.ABORTED, "lost")
        assert len(queue.finished) == 1


class TestListen:
    async def test_each_status_is_told(self, queue: InMemoryQueue) -> None:
        seen: list[Status] = []
        job = await queue.enqueue("add", key="k", a=1, b=2)
        assert job is not None

        async def note(_key: str, status: Status) -> bool:
            seen.append(status)
            return status == Status.COMPLETE

        listening = asyncio.create_task(queue.listen(["k"], note, timeout=10))
        await asyncio.sleep(0)
        await run_until_empty(queue, [add])
        await listening
        assert seen == [Status.QUEUED, Status.ACTIVE, Status.COMPLETE]

    async def test_it_gives_up_after_its_timeout(self, queue: InMemoryQueue) -> None:
        job = await queue.enqueue("f")
        assert job is not None
        with pytest.raises(TimeoutError):
            await job.refresh(until_complete=0.01)

    async def test_no_keys_are_nothing_to_wait_for(self, queue: InMemoryQueue) -> None:
        await queue.listen([], lambda *_: True, timeout=None)


class TestInfo:
    async def test_jobs_are_shown_active_first(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", key="later", scheduled=int(time.time()) + 100)
        for key in ("running", "next"):
            await queue.enqueue("f", key=key, secret="shown here")
        await take_and_start(queue)
        info = await queue.info(jobs=True)
        assert [job["key"] for job in info["jobs"]] == ["running", "next", "later"]
        assert (info["name"], info["queued"], info["active"], info["scheduled"]) == ("default", 1, 1, 1)
        assert [job["key"] for job in (await queue.info(jobs=True, offset=1, limit=1))["jobs"]] == ["next"]
        assert (await queue.info())["jobs"] == []

    async def test_workers_are_there_for_their_ttl(self, queue: InMemoryQueue) -> None:
        await queue.worker_info("w", queue_key="default", metadata={"room": 1}, ttl=10)
        info = await queue.info()
        assert info["workers"]["w"]["metadata"] == {"room": 1}
        age(queue, 11)
        assert (await queue.info())["workers"] == {}

    async def test_iter_jobs_by_status(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", key="done", a=1, b=1)
        await run_until_empty(queue, [add])
        await queue.enqueue("add", key="waiting", a=1, b=1)
        assert [job.key async for job in queue.iter_jobs()] == ["done", "waiting"]
        assert [job.key async for job in queue.iter_jobs([Status.QUEUED])] == ["waiting"]

    async def test_an_unknown_kind_is_refused(self, queue: InMemoryQueue) -> None:
        with pytest.raises(ValueError, match=r"'done': give one of queued, active, incomplete"):
            await queue.count("done")  # type: ignore[arg-type]

    def test_its_repr_shows_its_name_alone(self) -> None:
        assert repr(InMemoryQueue("reports")) == "InMemoryQueue<name='reports'>"

    async def test_clear_forgets_everything(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", a=1, b=2, key="k")
        await run_until_empty(queue, [add])
        queue.clear()
        assert (queue.enqueued, queue.finished, await queue.job("k")) == ([], [], None)
        assert await queue.enqueue("add", a=1, b=2, key="k")


class TestBroker:
    def test_it_is_registered(self, queue: InMemoryQueue) -> None:
        broker = broker_of(queue)
        assert isinstance(broker, MemoryBroker)
        assert (broker.name, broker.fetch_block_s, broker.address(queue)) == ("memory", None, None)

    async def test_touch_changes_the_running_attempt_alone(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", key="k", retries=2)
        job = await take_and_start(queue)
        job.touched = 1
        job.progress = 0.5  # not of the stored job, so not to be written by a beat
        assert await MemoryBroker().touch(queue, job)
        stored = await queue.job("k")
        assert stored is not None
        assert stored.touched == job.touched > 1
        assert stored.progress == 0
        await queue.retry(stored, None)
        assert not await MemoryBroker().touch(queue, job)

    async def test_release_gives_the_job_back_as_the_next_one(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("f", key="first")
        await queue.enqueue("f", key="second")
        job = await queue.dequeue()
        assert job is not None
        await MemoryBroker().release(queue, job)
        again = await queue.dequeue()
        assert again is not None
        assert (again.key, again.attempts) == ("first", 0)


class TestConfiguration:
    async def test_as_queue_instance(self, queue: InMemoryQueue) -> None:
        config = SAQConfig(queue_instances={"default": queue})
        assert config.get_queues().get("default") is queue

    async def test_as_broker_instance(self) -> None:
        queue = InMemoryQueue("reports")
        config = SAQConfig(queue_configs=[QueueConfig(broker_instance=queue, name="reports", tasks=[add])])
        queues = config.get_queues()
        assert queues.get("reports") is queue
        worker = Worker.from_config(config.get_queue_configs()[0], queues)
        worker.start_in_background()
        assert await queue.apply("add", a=1, b=2, timeout=20, poll_interval=0.01) == 3
        await worker.stop_in_background()


class TestRunUntilEmpty:
    async def test_jobs_of_jobs_run_too(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("chain", left=3)
        assert [job.result for job in await run_until_empty(queue, [chain])] == [3, 2, 1, 0]

    async def test_only_this_runs_jobs_are_returned(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", a=1, b=2)
        await run_until_empty(queue, [add])
        assert await run_until_empty(queue, [add]) == []

    async def test_hooks_run_and_may_enqueue(self, queue: InMemoryQueue) -> None:
        seen: list[str] = []

        def hook(name: str) -> Any:
            async def note(ctx: Any) -> None:
                seen.append(name)
                if name == "after" and len(queue.enqueued) == 1:
                    await asyncio.sleep(0)
                    await queue.enqueue("add", a=3, b=4)

            return note

        options = {
            name: hook(name.split("_")[0]) for name in ("startup", "shutdown", "before_process", "after_process")
        }
        await queue.enqueue("add", a=1, b=2)
        jobs = await run_until_empty(queue, [add], **options)
        assert [job.result for job in jobs] == [3, 7]
        assert seen == ["startup", "before", "after", "before", "after", "shutdown"]

    async def test_the_context_is_a_workers(self, queue: InMemoryQueue) -> None:
        seen: dict[str, Any] = {}

        def look(ctx: Any) -> str:
            seen.update(ctx)
            return threading.current_thread().name

        await queue.enqueue("look")
        [job] = await run_until_empty(queue, [("look", look)], id="worker-1")
        assert job.result != threading.current_thread().name
        assert (seen["worker_id"], seen["queue"], seen["job"].key) == ("worker-1", queue, job.key)

    async def test_a_job_without_function_is_an_error(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("ad", a=1, b=2, retries=100)
        with pytest.raises(UnknownFunctionError, match="queue 'default' has no function 'ad'; it has: add"):
            await run_until_empty(queue, [add])

    async def test_a_job_of_a_job_without_function_is_an_error(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("first")

        async def first(_ctx: Any) -> None:
            await queue.enqueue("second")

        with pytest.raises(UnknownFunctionError, match="'second'"):
            await run_until_empty(queue, [("first", first)])

    async def test_a_job_that_never_ends_is_given_up(
        self, queue: InMemoryQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()

        async def wait(_ctx: Any) -> None:
            monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 60)
            await asyncio.Event().wait()

        await queue.enqueue("wait", timeout=0)
        with pytest.raises(TimeoutError, match=r"queue 'default' is not empty after 60 s: wait \(active\)"):
            await run_until_empty(queue, [("wait", wait)], timeout_s=60)
        assert await counts(queue) == (1, 0, 1)

    async def test_jobs_without_end_are_given_up(self, queue: InMemoryQueue) -> None:
        async def again(ctx: Any) -> None:
            await asyncio.sleep(0)
            await ctx["queue"].enqueue("again")

        await queue.enqueue("again")
        with pytest.raises(TimeoutError, match="again"):
            await run_until_empty(queue, [("again", again)], timeout_s=0.2)

    async def test_a_failing_startup_is_told(self, queue: InMemoryQueue) -> None:
        async def startup(_ctx: Any) -> None:
            raise LookupError("no database")

        with pytest.raises(LookupError, match="no database"):
            await run_until_empty(queue, [add], startup=startup)

    async def test_a_burst_ends_by_itself(self, queue: InMemoryQueue) -> None:
        for _ in range(3):
            await queue.enqueue("add", a=1, b=2)
        jobs = await run_until_empty(queue, [add], burst=True, dequeue_timeout=1, max_burst_jobs=2, concurrency=1)
        assert len(jobs) == 2

    async def test_cron_jobs_of_later_stay(self, queue: InMemoryQueue) -> None:
        cron = CronJob(add, cron="0 0 1 1 *", kwargs={"a": 1, "b": 2})
        assert await run_until_empty(queue, [], cron_jobs=[cron]) == []
        assert_enqueued(queue, add, a=1, b=2, key="cron:add")
        queue.make_due()
        [job] = await run_until_empty(queue, [add])
        assert job.result == 3

    async def test_jobs_run_beside_each_other(self, queue: InMemoryQueue) -> None:
        barrier = asyncio.Barrier(3)

        async def meet(_ctx: Any) -> None:
            await barrier.wait()

        for _ in range(3):
            await queue.enqueue("meet")
        assert {job.status for job in await run_until_empty(queue, [("meet", meet)], concurrency=3)} == {"complete"}

    async def test_a_job_that_waits_for_another_queue(self, queue: InMemoryQueue) -> None:
        other = InMemoryQueue("other")

        async def ask(_ctx: Any) -> Any:
            return await other.apply("add", a=1, b=2, timeout=20, poll_interval=0.01)

        await queue.enqueue("ask", timeout=30)
        worker = Worker(other, [add])
        worker.start_in_background()
        [job] = await run_until_empty(queue, [("ask", ask)])
        await worker.stop_in_background()
        assert job.result == 3

    async def test_apply_raises_the_jobs_error(self, queue: InMemoryQueue) -> None:
        asking = asyncio.create_task(queue.apply("fail", poll_interval=0.01))
        await asyncio.sleep(0)
        await run_until_empty(queue, [fail])
        with pytest.raises(JobError, match="on purpose"):
            await asking


class TestAssertEnqueued:
    async def test_some_of_the_arguments_are_enough(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", a=1, b=2)
        await queue.enqueue("add", a=3, b=4, timeout=99, key="second", scheduled=0)
        assert assert_enqueued(queue, "add").kwargs == {"a": 1, "b": 2}
        assert assert_enqueued(queue, add, a=3).key == "second"
        assert assert_enqueued(queue, "add", timeout=99, b=4).key == "second"
        assert assert_enqueued(queue, "add", kwargs={"a": 3}).key == "second"

    async def test_values_are_compared_as_given_and_as_stored(self, queue: InMemoryQueue) -> None:
        when, who = datetime(2026, 5, 1, tzinfo=UTC), uuid.uuid4()
        await queue.enqueue("f", when=when, who=who, pair=(1, 2))
        assert_enqueued(queue, "f", when=when, who=who, pair=(1, 2))
        assert_enqueued(queue, "f", who=str(who), pair=[1, 2])
        assert_not_enqueued(queue, "f", who=object())

    async def test_an_argument_may_be_called_queue_or_function(self, queue: InMemoryQueue) -> None:
        await queue.enqueue(Job("f", kwargs={"queue": 1, "function": 2}))
        assert_enqueued(queue, "f", queue=1, function=2)
        assert_not_enqueued(queue, "f", queue=2)

    async def test_it_finds_what_has_run(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", a=1, b=2, ttl=-1)
        await run_until_empty(queue, [add])
        assert assert_enqueued(queue, "add", a=1).status == Status.QUEUED

    async def test_the_error_says_what_there_is_and_what_comes_nearest(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("send_mail", to="grace", key="k1")
        await queue.enqueue("send_mail", to="ada", subject="x" * 100, timeout=5, key="k2")
        await queue.enqueue("other", key="k3")
        with pytest.raises(AssertionError) as caught:
            assert_enqueued(queue, "send_mail", to="ada", cc="bob", timeout=7)
        assert str(caught.value).splitlines() == [
            "no job send_mail(to='ada', cc='bob') with timeout=7 was enqueued to queue 'default'",
            "nearest is job 2: timeout is 5, not 7, cc is absent, not 'bob'",
            "enqueued:",
            "  1. send_mail(to='grace') with key='k1'",
            f"  2. send_mail(to='ada', subject='{'x' * 59}…) with key='k2', timeout=5",
            "  3. other() with key='k3'",
        ]

    async def test_a_slip_in_the_name_is_shown(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("other", key="k1")
        await queue.enqueue("send_mail", key="k2")
        with pytest.raises(AssertionError, match="nearest is job 2: function is 'send_mail'"):
            assert_enqueued(queue, "sendmail")

    def test_an_empty_queue_is_said_to_be(self, queue: InMemoryQueue) -> None:
        with pytest.raises(AssertionError, match=r"no job f\(\) was enqueued to queue 'default'\nnothing was enqueued"):
            assert_enqueued(queue, "f")

    async def test_not_enqueued(self, queue: InMemoryQueue) -> None:
        assert_not_enqueued(queue)
        await queue.enqueue("add", a=1, b=2)
        assert_not_enqueued(queue, "other")
        assert_not_enqueued(queue, add, a=2)
        for function in ("add", None):
            with pytest.raises(AssertionError, match=r"job 1 was enqueued to queue 'default'\nenqueued:\n  1. add"):
                assert_not_enqueued(queue, function, a=1)
