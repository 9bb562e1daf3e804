"""What the Postgres queue adds to SAQ's."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from saq.job import Job, Status
from saq.queue.postgres import PostgresQueue as SaqPostgresQueue
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers.base import broker_of
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.brokers.postgres import PostgresQueue
from litestar_saq.config import decode_json, serializer
from litestar_saq.jobs import pop_begun
from tests.chaos.proxy import Proxy

MakeQueue = Callable[..., Any]


@pytest.fixture
async def make_queue(postgres_url: str) -> AsyncIterator[MakeQueue]:
    """Make connected queues of one name, as several processes have them."""
    name = uuid.uuid4().hex
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> PostgresQueue:
            config = QueueConfig(dsn=postgres_url, name=name, broker_options=options)
            queue = build_queue(config, serializer, decode_json)
            assert isinstance(queue, PostgresQueue)
            await queue.connect()
            stack.push_async_callback(queue.disconnect)
            return queue

        yield make


async def take(queue: SaqPostgresQueue, count: int, timeout_s: float = 1) -> list[Job]:
    """Fetch as that many idle slots of a worker do."""
    fetches = [asyncio.create_task(queue.dequeue(timeout=timeout_s)) for _ in range(count)]
    return [job for job in await asyncio.gather(*fetches) if job]


async def test_stock_saq_hands_out_a_whole_group(postgres_url: str) -> None:
    """The error that ours does not pass on; when this fails, SAQ has mended it."""
    queue = SaqPostgresQueue.from_url(postgres_url, name=uuid.uuid4().hex)
    await queue.connect()
    for _ in range(3):
        await queue.enqueue("f", group_key="g")
    assert len(await take(queue, 3, timeout_s=10)) > 1
    await queue.disconnect()


async def test_of_a_group_one_job_runs_at_a_time_in_order(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    prefix = uuid.uuid4().hex
    for number in range(3):
        await queue.enqueue("f", key=f"{prefix}{number}", group_key="g")
    for number in range(3):
        jobs = await take(queue, 3)
        assert [job.key for job in jobs] == [f"{prefix}{number}"]
        await jobs[0].finish(Status.COMPLETE)


async def test_jobs_without_a_group_never_wait(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    await queue.enqueue("f", group_key="g")
    assert len(await take(queue, 1)) == 1
    await queue.enqueue("f", group_key="g")
    await queue.enqueue("f")
    jobs = await take(queue, 3)
    assert [job.group_key for job in jobs] == [None]


async def test_a_group_holds_among_many_workers(make_queue: MakeQueue) -> None:
    """Four workers of four slots, six groups of five: the most that ever runs of one group is one."""
    running: dict[str, int] = {}
    seen: list[int] = []

    async def f(ctx: Any) -> None:
        group = ctx["job"].group_key
        running[group] = running.get(group, 0) + 1
        seen.append(running[group])
        await asyncio.sleep(0.01)
        running[group] -= 1

    queues = [await make_queue() for _ in range(4)]
    for number in range(30):
        await queues[0].enqueue("f", group_key=f"g{number % 6}")
    workers = [Worker(queue, [("f", f)], concurrency=4) for queue in queues]
    for worker in workers:
        worker.start_in_background()
    async with asyncio.timeout(60):
        while len(seen) < 30:
            await asyncio.sleep(0.05)
    await asyncio.gather(*(worker.stop_in_background() for worker in workers))
    assert max(seen) == 1


async def test_priority_comes_first(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    for priority in (5, 1, 3):
        await queue.enqueue("f", priority=priority)
    assert [job.priority for _ in range(3) for job in await take(queue, 1)] == [1, 3, 5]


async def test_what_was_prefetched_goes_back(make_queue: MakeQueue) -> None:
    queue, other = await make_queue(), await make_queue()
    await queue.enqueue("f")
    queue._waiting = 1
    await queue._dequeue()
    assert await other.count("active") == 1
    await queue.disconnect()
    assert (await other.count("queued"), await other.count("active")) == (1, 0)


async def test_a_job_is_taken_and_begun_in_one_step(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    seen: list[tuple[str, int, str | None]] = []

    async def look(ctx: Any) -> None:
        stored = await queue.job(ctx["job"].key)
        seen.append((stored.status, stored.attempts, stored.worker_id))

    worker = Worker(queue, [("look", look)], id="taker")
    worker.start_in_background()
    await queue.apply("look", timeout=20)
    # Of two that share the queue object, each begins what it gets.
    second = Worker(queue, [("look", look)], id="second")
    second.start_in_background()
    while queue.takers != ["taker", "second"]:
        await asyncio.sleep(0.01)
    await queue.map("look", [{} for _ in range(20)], timeout=20)
    await worker.stop_in_background()
    await second.stop_in_background()
    assert seen[0] == (Status.ACTIVE, 1, "taker")
    assert {one[:2] for one in seen} == {(Status.ACTIVE, 1)}
    assert {one[2] for one in seen} <= {"taker", "second"}
    assert queue.takers == []


async def test_a_job_that_was_begun_and_not_run_goes_back_as_it_was(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    key = uuid.uuid4().hex
    await queue.enqueue("f", key=key)
    queue.takers.append("w")
    (job,) = await take(queue, 1)
    queue.takers.clear()
    assert (job.status, job.attempts, job.worker_id) == (Status.ACTIVE, 1, "w")
    await broker_of(queue).release(queue, job)
    stored = await queue.job(key)
    assert (stored.status, stored.attempts, stored.worker_id) == (Status.QUEUED, 0, None)


async def test_a_note_is_written_where_nothing_else_was(make_queue: MakeQueue) -> None:
    queue = await make_queue()
    prefix = uuid.uuid4().hex
    for name in ("aborted", "noted"):
        await queue.enqueue("f", key=prefix + name)
    queue.takers.append("w")
    jobs = {job.key.removeprefix(prefix): job for job in await take(queue, 2, timeout_s=20)}
    await queue.abort(await queue.job(prefix + "aborted"), "enough")
    for job in jobs.values():
        stored = pop_begun(job)
        assert stored
        queue.note(job, stored, partial(setattr, job, "meta", {"note": 1}))
    async with asyncio.timeout(20):
        while (await queue.job(prefix + "noted")).meta != {"note": 1}:
            await asyncio.sleep(0.01)
    assert (await queue.job(prefix + "aborted")).status is Status.ABORTING


async def test_tables_are_waited_for(postgres_url: str) -> None:
    """Many processes that start at once on an empty database all find its tables."""
    suffix = uuid.uuid4().hex[:8]
    options = {f"{table}_table": f"{table}_{suffix}" for table in ("jobs", "stats", "versions")}
    configs = [QueueConfig(dsn=postgres_url, broker_options=options) for _ in range(6)]
    queues = [build_queue(config, serializer, decode_json) for config in configs]
    await asyncio.gather(*(queue.connect() for queue in queues))
    assert await queues[-1].enqueue("f")
    await asyncio.gather(*(queue.disconnect() for queue in queues))


def test_no_password_is_shown() -> None:
    dsn = "postgresql://user:hunter2@example.invalid:5440/db"
    queue = build_queue(QueueConfig(dsn=dsn), serializer, decode_json)
    assert repr(queue) == "PostgresQueue<example.invalid:5440, name='default'>"


async def test_connections_that_were_cut_hold_up_nobody_for_long(postgres_url: str) -> None:
    name = uuid.uuid4().hex
    options = {"kwargs": {"application_name": name}, "min_size": 6}
    config = QueueConfig(dsn=postgres_url, name=name, broker_instance_options=options, broker_options={"min_size": 6})
    queue: Any = build_queue(config, serializer, decode_json)
    await queue.connect()
    await queue.pool.wait(20)
    async with await AsyncConnection.connect(postgres_url, autocommit=True) as other:
        cut = await other.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", [name]
        )
        row = await cut.fetchone()
    assert row
    assert row[0] >= 6
    # psycopg's own pool waits for 1, 2, 4, 8, 16 and 32 seconds, one after the other.
    async with asyncio.timeout(15):
        assert await queue.enqueue("f", key=name)
    await queue.disconnect()


async def test_a_job_of_a_transaction_is_there_if_it_commits(make_queue: MakeQueue, postgres_url: str) -> None:
    queue = await make_queue()
    keys = [uuid.uuid4().hex for _ in range(3)]
    ran = asyncio.Event()

    async def f(_ctx: Any) -> None:
        ran.set()

    worker = Worker(queue, [("f", f)])
    worker.start_in_background()
    async with await AsyncConnection.connect(postgres_url, row_factory=dict_row) as connection:
        with pytest.raises(RuntimeError):
            async with connection.transaction():
                assert await queue.enqueue("f", key=keys[0], connection=connection)
                raise RuntimeError
        assert await queue.job(keys[0]) is None
        async with connection.transaction():
            assert await queue.enqueue("f", key=keys[1], connection=connection)
            assert await queue.enqueue("f", key=keys[1], connection=connection) is None
            assert await queue.job(keys[1]) is None
        job = await queue.job(keys[1])
    assert job
    await job.refresh(until_complete=20)
    assert ran.is_set()
    await worker.stop_in_background()
    plain = await queue.enqueue("f", key=keys[2], connection="an argument")
    assert plain.kwargs == {"connection": "an argument"}


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("kind", ["connection", "session"])
async def test_a_job_of_sqlalchemy_s_transaction_is_there_if_it_commits(
    make_queue: MakeQueue, postgres_url: str, driver: str, kind: str
) -> None:
    queue = await make_queue()
    engine = create_async_engine(re.sub(r"^\w+://", f"postgresql+{driver}://", postgres_url))
    keys = [uuid.uuid4().hex for _ in range(2)]
    done = asyncio.Event()

    async def f(_ctx: Any) -> None:
        done.set()

    worker = Worker(queue, [("f", f)])
    worker.start_in_background()
    async with AsyncSession(engine) if kind == "session" else engine.connect() as transaction:
        assert await queue.enqueue("f", key=keys[0], group_key="g", connection=transaction)
        await transaction.rollback()
        assert await queue.job(keys[0]) is None
        assert await queue.enqueue("f", key=keys[1], connection=transaction)
        assert await queue.enqueue("f", key=keys[1], connection=transaction) is None
        assert await queue.job(keys[1]) is None
        await transaction.commit()
    job = await queue.job(keys[1])
    assert job
    await job.refresh(until_complete=20)
    assert done.is_set()
    await worker.stop_in_background()
    await engine.dispose()


async def test_a_job_that_a_dead_worker_had_only_taken_counts_as_an_attempt(
    make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = await make_queue()
    monkeypatch.setattr(queue.leases, "lease_s", 0.2)
    await queue.leases.hold("dead")
    queue.takers.append("dead")
    await queue.enqueue("f")
    [taken] = await take(queue, 1)
    assert (taken.attempts, taken.worker_id) == (1, "dead")
    async with asyncio.timeout(20):
        while not (await queue.leases.workers())[1]:
            await asyncio.sleep(0.02)
    assert len(await queue.recover()) == 1
    job = await queue.job(taken.key)
    assert (job.status, job.attempts) == (Status.QUEUED, 1)


async def test_a_job_that_one_of_several_workers_of_a_queue_object_has_taken_is_swept_when_it_is_overdue(
    make_queue: MakeQueue,
) -> None:
    queue = await make_queue()
    queue.takers.extend(["a", "b"])
    await queue.enqueue("f", timeout=60, retries=2)
    [taken] = await take(queue, 1)
    assert (taken.status, taken.worker_id) == (Status.ACTIVE, None)
    assert await queue.sweep(lock=1, abort=0.01) == []
    taken.started -= 120_000
    await taken.update(status=Status.ACTIVE)
    async with asyncio.timeout(20):
        while not (swept := await queue.sweep(lock=1, abort=0.01)):
            await asyncio.sleep(0.1)
    assert len(swept) == 1


def slow_to_look(queue: Any, *functions: Any) -> Worker:
    """A worker that finds jobs by being told of them alone."""
    worker = Worker(queue, functions, concurrency=2, timers={"schedule": 3600})
    worker.start_in_background()
    return worker


async def test_a_free_slot_is_told_of_jobs_while_another_one_runs_one(make_queue: MakeQueue) -> None:
    queue, producer = await make_queue(), await make_queue()
    running, may_end, ran = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold(_ctx: Any) -> None:
        running.set()
        await may_end.wait()

    async def note(_ctx: Any) -> None:
        ran.set()

    worker = slow_to_look(queue, ("hold", hold), ("note", note))
    async with asyncio.timeout(60):
        for _ in range(3):
            ran.clear()
            await producer.enqueue("note")
            await ran.wait()
        await producer.enqueue("hold", timeout=0)
        await running.wait()
        ran.clear()
        await producer.enqueue("note")
        await ran.wait()
    may_end.set()
    await worker.stop_in_background()


async def test_no_job_is_missed_between_a_look_and_the_wait_for_news(make_queue: MakeQueue) -> None:
    queue, producer = await make_queue(), await make_queue()
    ran: asyncio.Queue[int] = asyncio.Queue()

    async def note(_ctx: Any, *, number: int) -> None:
        ran.put_nowait(number)

    worker = slow_to_look(queue, ("note", note))
    for number in range(200):
        await producer.enqueue("note", number=number)
        async with asyncio.timeout(30):
            assert await ran.get() == number
        await asyncio.sleep(number % 10 * 0.0005)  # at another moment of the look each time
    await worker.stop_in_background()


async def test_who_waits_for_jobs_is_told_when_the_connection_is_lost(make_queue: MakeQueue, postgres_url: str) -> None:
    queue, producer = await make_queue(), await make_queue()
    ran = asyncio.Event()

    async def note(_ctx: Any) -> None:
        ran.set()

    worker = slow_to_look(queue, ("note", note))

    async def listeners(other: Any) -> list[int]:
        found = await other.execute("SELECT pid FROM pg_stat_activity WHERE query = %s", [f'LISTEN "{queue._channel}"'])
        return [pid for (pid,) in await found.fetchall()]

    async with await AsyncConnection.connect(postgres_url, autocommit=True) as other, asyncio.timeout(100):
        while not (before := await listeners(other)):
            await asyncio.sleep(0.05)
        for pid in before:
            await other.execute("SELECT pg_terminate_backend(%s)", [pid])
        while not set(await listeners(other)) - set(before):
            await asyncio.sleep(0.05)
        await producer.enqueue("note")
        await ran.wait()
    await worker.stop_in_background()


async def test_the_end_does_not_wait_for_a_server_that_hangs(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    assert parts.port
    proxy = Proxy(parts.port)
    dsn = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"))
    queue: Any = build_queue(QueueConfig(dsn=dsn, name=uuid.uuid4().hex), serializer, decode_json)
    await queue.connect()
    waiting = asyncio.create_task(queue.dequeue())
    async with asyncio.timeout(60):
        while not queue._listener.news:
            await asyncio.sleep(0.01)
        proxy.delay(3600)
        waiting.cancel()
        assert await waiting is None
        await queue.disconnect()
    proxy.close()
