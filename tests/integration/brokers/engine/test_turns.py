"""What is told and asked for in one turn of the event loop goes in one round trip, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from functools import partial
from typing import Any

import pytest
from litestar.exceptions import SerializationException
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError
from saq.job import Job as StockJob
from saq.job import Status
from saq.queue.redis import RedisQueue as StockQueue

from litestar_saq import Worker
from litestar_saq.brokers._notes import NOTE_AFTER_S
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.jobs import Job, make_key
from tests.integration.brokers.engine.own_server import commands, stored, take, under_way


async def test_enqueues_of_one_turn_go_in_one_round_trip(queue: RedisQueue) -> None:
    await queue.enqueue("f")
    before = await commands(queue)
    jobs = await asyncio.gather(*(queue.enqueue("f", n=n) for n in range(50)))
    assert all(jobs)
    assert (await commands(queue))["evalsha"] - before["evalsha"] == 1
    assert await queue.count("queued") == 51


async def test_many_jobs_wait_in_their_order(queue: RedisQueue) -> None:
    keys = [str(number) for number in range(20_000)]
    connections = len(await queue.redis.client_list())
    jobs = await queue.enqueue_many(Job("f", key=key) for key in keys)
    assert [job and job.key for job in jobs] == keys
    ids = await queue.redis.lrange(queue.namespace("queued"), 0, -1)
    assert [job_id.decode() for job_id in ids] == [queue.job_id(key) for key in keys]
    # Of two connections' commands the later one may be done first.
    assert len(await queue.redis.client_list()) <= connections


async def test_many_of_one_turn_are_stored_in_parts_in_their_order(queue: RedisQueue) -> None:
    # Those without a key are stored without a look at what there is.
    for round_, given in enumerate((None, 7)):
        await queue.redis.delete(queue.namespace("queued"))
        await queue.redis.script_flush()
        connections = len(await queue.redis.client_list())
        before = await commands(queue)
        keys = [{"key": f"{round_}-{n}"} if given and n % given == 0 else {} for n in range(300)]
        jobs = await asyncio.gather(*(queue.enqueue("f", n=n, **key) for n, key in enumerate(keys)))
        assert (await commands(queue))["eval"] - before.get("eval", 0) == 4
        ids = await queue.redis.lrange(queue.namespace("queued"), 0, -1)
        assert [job_id.decode() for job_id in ids] == [job.id if job else "" for job in jobs]
        assert len(await queue.redis.client_list()) <= connections
        assert [one.kwargs["n"] async for one in queue.iter_jobs() if one.kwargs and one.key == jobs[299].key] == [299]


async def test_a_key_is_taken_once_whatever_part_it_is_in(queue: RedisQueue) -> None:
    assert await queue.enqueue("f", key="k150")
    keys = ["twice" if n in {3, 290} else f"k{n}" for n in range(300)]
    jobs = await asyncio.gather(*(queue.enqueue("f", key=key) for key in keys))
    assert [n for n, job in enumerate(jobs) if job is None] == [150, 290]
    assert await queue.count("queued") == 299


async def test_a_key_that_a_hook_sets_is_taken_once(queue: RedisQueue) -> None:
    async def name_it(job: Any) -> None:
        job.key = "always the same"

    queue.register_before_enqueue(name_it)
    assert await queue.enqueue("f")
    assert await queue.enqueue("f") is None
    assert await queue.count("queued") == 1


async def test_a_job_that_was_enqueued_is_taken_once(queue: RedisQueue) -> None:
    job = await queue.enqueue("f")
    assert job
    assert await queue.enqueue(job) is None
    assert await queue.count("queued") == 1


async def test_a_part_that_the_server_refuses_is_the_error_of_its_own_callers(queue: RedisQueue) -> None:
    await queue.enqueue("f")  # the scripts' place is taken
    used = (await queue.redis.info("memory"))["used_memory"]
    await queue.redis.config_set("maxmemory-policy", "noeviction")
    await queue.redis.config_set("maxmemory", used + 5_000_000)
    try:
        large = "x" * 100_000
        jobs = await asyncio.gather(*(queue.enqueue("f", large=large) for _ in range(100)), return_exceptions=True)
    finally:
        await queue.redis.config_set("maxmemory", 0)
    assert [type(one) for one in jobs] == [Job] * 34 + [OutOfMemoryError] * 66
    assert all(await asyncio.gather(*(queue.enqueue("f") for _ in range(100))))
    assert await queue.count("queued") == await queue.count("incomplete") == 1 + 34 + 100


async def test_parts_whose_connection_is_cut_are_the_errors_of_all_their_callers(queue: RedisQueue) -> None:
    await queue.enqueue("f")
    await queue.redis.client_pause(60_000, all=False)
    enqueues = [asyncio.ensure_future(queue.enqueue("f")) for _ in range(100)]
    async with asyncio.timeout(20):
        while not (waiting := [one for one in await queue.redis.client_list() if one["cmd"] == "eval"]):
            await asyncio.sleep(0.01)
    await queue.redis.client_kill_filter(_id=waiting[0]["id"])
    outcomes = await asyncio.wait_for(asyncio.gather(*enqueues, return_exceptions=True), 30)
    await queue.redis.client_unpause()
    assert {isinstance(one, RedisConnectionError) for one in outcomes} == {True}
    assert all(await asyncio.gather(*(queue.enqueue("f") for _ in range(100))))


async def test_of_many_jobs_one_that_cannot_be_written_harms_nobody_else_s(queue: RedisQueue) -> None:
    jobs = [Job("f", key=str(number), kwargs={"n": number if number != 700 else object()}) for number in range(1000)]
    with pytest.raises(SerializationException):
        await queue.enqueue_many(jobs)
    # The connection on which answers were to come is not the next one's.
    assert await asyncio.gather(*(queue.enqueue("f", key=f"later-{number}") for number in range(30)))
    assert await queue.count("queued") in {30 + stored for stored in (0, 250, 500)}
    again = await queue.enqueue_many(Job("f", key=str(number)) for number in range(1000))
    assert again[900]


async def test_of_two_jobs_of_a_key_in_one_turn_one_is_taken(queue: RedisQueue) -> None:
    jobs = await asyncio.gather(queue.enqueue("f", key="k"), queue.enqueue("f", key="k"), queue.enqueue("f", key="l"))
    assert [job and job.key for job in jobs] == ["k", None, "l"]
    assert await queue.count("queued") == 2


async def test_a_script_that_the_server_has_forgotten_is_sent_again(queue: RedisQueue) -> None:
    await queue.enqueue("f")
    await queue.redis.script_flush()
    assert await queue.enqueue("f")
    assert await queue.count("queued") == 2


async def test_what_a_caller_gives_up_breaks_nothing_for_the_others(queue: RedisQueue) -> None:
    first = asyncio.ensure_future(queue.enqueue("f", key="given-up"))
    second = asyncio.ensure_future(queue.enqueue("f", key="kept"))
    await asyncio.sleep(0)
    first.cancel()
    job = await second
    assert job
    assert job.key == "kept"


async def test_a_payload_that_cannot_be_written_is_its_own_caller_s_error(queue: RedisQueue) -> None:
    # Both are of one turn.
    outcomes = await asyncio.gather(
        queue.enqueue("f", key="bad", value=object()), queue.enqueue("f", key="good"), return_exceptions=True
    )
    assert isinstance(outcomes[0], Exception)
    assert isinstance(outcomes[1], Job)
    assert await queue.count("queued") == 1


@pytest.mark.parametrize("stock", [False, True], ids=["ours", "SAQ's"])
async def test_a_job_is_active_in_the_step_in_which_it_is_taken(queue: RedisQueue, url: str, *, stock: bool) -> None:
    producer: Any = StockQueue.from_url(url, name=queue.name) if stock else queue
    await producer.enqueue("f", key="k", value="x")
    ((job_id, payload, begun),) = await take(queue)
    assert (job_id.decode(), begun) == (queue.job_id("k"), True)
    job = queue.deserialize(payload)
    assert job
    assert (job.status, job.attempts, job.worker_id, job.kwargs) == (Status.ACTIVE, 1, "w", {"value": "x"})
    assert job.started == job.touched > 0
    assert await stored(queue, "k") == json.loads(payload)
    # A stock worker's sweep, which takes for stuck what is in the active list and not active, leaves it alone.
    if not stock:
        producer = StockQueue.from_url(url, name=queue.name)
    assert await producer.sweep(lock=1) == []
    await producer.disconnect()


@pytest.mark.parametrize(
    "job",
    [
        Job("f", key="k", kwargs={"status": "queued"}),
        Job("f", key="k", kwargs={"text": ',"status":"queued"}'}),
        Job("f", key="k", kwargs={"text": "ends with " + '\\",\\"status\\":\\"queued\\"}'}),
        StockJob("f", key="k", meta={"status": "queued"}),
        StockJob("f", key="k", meta={"a": {"status": "queued"}}),
        Job("f", key="k", kwargs={"attempts": 7}),
        Job("f", key="k", kwargs={"big": "x" * 10_000}),
        Job("f", key="k", attempts=2),
    ],
    ids=["argument", "text", "escaped", "meta", "deep meta", "attempts", "large", "retried"],
)
async def test_whatever_a_job_holds_stays_as_it_is(queue: RedisQueue, job: StockJob) -> None:
    await queue.enqueue(job)
    ((_, payload, begun),) = await take(queue)
    taken = queue.deserialize(payload)
    assert taken
    assert (taken.kwargs, taken.meta) == (job.kwargs, job.meta)
    # Either it is begun and says so, or it is as it was.
    assert (taken.status, taken.attempts) == ((Status.ACTIVE, 1) if begun else (Status.QUEUED, job.attempts))


async def test_a_retried_job_counts_its_attempts(queue: RedisQueue) -> None:
    seen: list[int] = []

    async def fail(ctx: Any) -> None:
        seen.append(ctx["job"].attempts)
        raise ValueError("again")

    worker = Worker(queue, [("fail", fail)])
    worker.start_in_background()
    job = await queue.enqueue("fail", retries=3)
    assert job
    await job.refresh(10)
    await worker.stop_in_background()
    assert (seen, job.attempts, job.status) == ([1, 2, 3], 3, Status.FAILED)


async def test_two_round_trips_go_at_a_time_and_never_with_the_same_job(queue: RedisQueue) -> None:
    one, other = await queue.enqueue("f", key="one"), await queue.enqueue("f", key="other")
    assert one
    assert other
    await take(queue, 2)
    await queue.redis.client_pause(60_000, all=False)
    tasks = [asyncio.create_task(one.update(status=Status.ACTIVE))]
    while await under_way(queue) < 1:
        await asyncio.sleep(0.01)
    tasks.append(asyncio.create_task(one.finish(Status.COMPLETE, result=1)))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert await under_way(queue) == 1
    tasks.append(asyncio.create_task(other.finish(Status.COMPLETE, result=2)))
    while await under_way(queue) < 2:
        await asyncio.sleep(0.01)
    await queue.redis.client_unpause()
    await asyncio.gather(*tasks)
    assert [(await stored(queue, key))["result"] for key in ("one", "other")] == [1, 2]
    assert await queue.count("active") == 0


async def test_a_note_is_written_where_nothing_else_was(queue: RedisQueue) -> None:
    for key in ("noted", "aborted"):
        await queue.enqueue("f", key=key)
    rows = await take(queue, 2)
    noted, aborted = (queue.deserialize(payload) for _, payload, _ in rows)
    assert noted
    assert aborted
    await queue.abort(aborted, "enough")
    before = (await commands(queue))["evalsha"]
    for job, (_, payload, _) in zip((noted, aborted), rows, strict=True):
        job.status = Status.ACTIVE
        queue.note(job, payload, partial(setattr, job, "meta", {"note": 1}))
    while (await commands(queue))["evalsha"] == before:
        await asyncio.sleep(0.01)
    assert (await stored(queue, "noted"))["meta"] == {"note": 1}
    assert (await stored(queue, "aborted"))["status"] == "aborting"


async def test_nothing_is_noted_of_a_job_that_has_ended(queue: RedisQueue) -> None:
    await queue.enqueue("f", key="k")
    ((_, payload, _),) = await take(queue)
    job = queue.deserialize(payload)
    assert job
    completed: list[Any] = []
    queue.note(job, payload, partial(completed.append, job))
    await job.finish(Status.COMPLETE, result=1)
    before = (await commands(queue))["evalsha"]
    await asyncio.sleep(3 * NOTE_AFTER_S)  # nothing comes that could be waited for
    assert (await commands(queue))["evalsha"] == before
    assert not completed, "what is not written was made"


def test_keys_are_uuids_and_differ_in_a_fork() -> None:
    key = uuid.UUID(make_key())
    assert (key.version, key.variant) == (7, uuid.RFC_4122)
    assert len({make_key() for _ in range(10_000)}) == 10_000
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "".join(make_key()[-12:] for _ in range(5)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)
    ours = [make_key()[-12:] for _ in range(5)]
    assert not [one for one in ours if one in theirs]
