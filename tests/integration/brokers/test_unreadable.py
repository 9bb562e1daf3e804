"""What can't be read as a job is told of and set aside, and holds up nobody: on each broker."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL
from saq.job import Status
from saq.queue.base import Queue
from saq.utils import now

from litestar_saq import Worker
from litestar_saq.brokers.postgres import PostgresQueue
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import Job
from litestar_saq.testing import InMemoryQueue

MEMORY = InMemoryQueue("samples")
GOOD = {"function": "work", "key": "k", "status": "queued", "queued": 1}


@pytest.fixture(params=["redis", "valkey", "postgres"])
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def damaged(queue: Queue) -> list[bytes]:
    """Return what is no job of the queue."""
    good = {**GOOD, "queue": queue.name}
    return [
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"{}",
        b'{"queue": "somebody else\'s"}',
        *(
            json.dumps({**good, **change}).encode()
            for change in (
                {"timeout": "soon"},
                {"attempts": None},
                {"kwargs": ["a"]},
                {"meta": 1},
                {"colour": "red"},
                {"function": 3},
                # Postgres has the status in a column of its own.
                *([] if isinstance(queue, PostgresQueue) else [{"status": "tired"}]),
            )
        ),
    ]


async def put(queue: Queue, key: str, payload: bytes, status: str = "queued") -> None:
    """Store what somebody has written, as what waits or runs."""
    if isinstance(queue, PostgresQueue):
        values = {"key": key, "job": payload, "queue": queue.name, "status": status, "now": now() // 1000 - 1}
        async with queue.pool.connection() as connection:
            statement = (
                "INSERT INTO {} (key, job, queue, status, scheduled) "
                "VALUES (%(key)s, %(job)s, %(queue)s, %(status)s, %(now)s)"
            )
            await connection.execute(SQL(statement).format(queue.jobs_table), values)
        return
    redis = cast("Any", queue).redis
    await redis.set(queue.job_id(key), payload)
    await redis.zadd(queue.namespace("incomplete"), {queue.job_id(key): 0})
    await redis.rpush(queue.namespace("queued" if status == "queued" else "active"), queue.job_id(key))


async def kept(queue: Queue, key: str) -> bytes:
    """Return what is stored of a job that was set aside."""
    if isinstance(queue, PostgresQueue):
        async with queue.pool.connection() as connection:
            found = await connection.execute(
                SQL("SELECT job, status FROM {} WHERE key = %s").format(queue.jobs_table), [key]
            )
            row = await found.fetchone()
        assert row is not None
        assert row[1] == "failed"
        return bytes(row[0])
    redis = cast("Any", queue).redis
    assert queue.job_id(key).encode() in await redis.lrange(queue.namespace("unreadable"), 0, -1)
    return bytes(await redis.get(queue.job_id(key)))


@pytest.mark.parametrize("burst", [False, True])
async def test_the_jobs_behind_it_are_run(queue: Queue, caplog: pytest.LogCaptureFixture, burst: bool) -> None:
    ran: list[int] = []

    async def work(_ctx: Any, *, number: int) -> None:
        ran.append(number)

    found = damaged(queue)
    for number, payload in enumerate(found):
        await put(queue, f"{queue.name}-{number}", payload)
        await queue.enqueue("work", number=number)
    worker = Worker(queue, [("work", work)], concurrency=2, burst=burst, dequeue_timeout=6 if burst else 0)
    if burst:
        await asyncio.wait_for(worker.start(), 60)
    else:
        worker.start_in_background()
        async with asyncio.timeout(30):
            while queue.complete < len(found):
                await asyncio.sleep(0.01)
        await worker.stop_in_background()
    assert sorted(ran) == list(range(len(found)))
    if not isinstance(queue, PostgresQueue):
        await cast("Any", queue).redis.delete(queue.namespace("sweep"))
    await queue.sweep(lock=1)
    for number, payload in enumerate(found):
        assert await kept(queue, f"{queue.name}-{number}") == payload
        assert sum(f"{queue.name}-{number}: a job of queue" in one for one in caplog.messages) == 1
    assert await queue.count("incomplete") == 0


async def test_a_sweep_and_a_recovery_go_past_it(queue: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    stuck = Job("work", key="stuck", timeout=1, started=1, touched=1, attempts=1, status=Status.ACTIVE, queue=queue)
    lost = Job("work", key="lost", timeout=0, started=1, attempts=1, worker_id="w", status=Status.ACTIVE, queue=queue)
    for number, payload in enumerate(damaged(queue)):
        await put(queue, f"{queue.name}-{number}", payload, "active")
    for job in (stuck, lost):
        payload = queue.serialize(job)
        await put(queue, job.key, payload.encode() if isinstance(payload, str) else payload, "active")
    await queue.recover_from(frozenset({"w"}))
    swept = await queue.sweep(lock=1, abort=0.1)
    assert [key for key in swept if key.endswith("stuck")]
    again = await queue.job("lost")
    assert again.status is Status.QUEUED
    for number, payload in enumerate(damaged(queue)):
        assert await kept(queue, f"{queue.name}-{number}") == payload
    assert (await queue.info(jobs=True))["name"] == queue.name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
field_names = st.sampled_from([*Job.__dataclass_fields__, "colour"])


@settings(max_examples=400, deadline=None)
@given(changes=st.dictionaries(field_names, json_values, max_size=4))
def test_whatever_is_stored_is_a_job_or_refused(changes: dict[str, Any]) -> None:
    payload = json.dumps({**GOOD, "queue": MEMORY.name, **changes})
    try:
        job = MEMORY.deserialize(payload)
    except UnreadableJobError as error:
        assert str(error).startswith(f"a job of queue {MEMORY.name!r} can't be read: ")
        return
    assert job is not None
    assert isinstance(job.timeout, (int, float, type(None)))
    assert job.info(full=True)
    assert job.to_dict()["key"] == job.key
    assert job.stuck in {True, False}


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(min_size=1, max_size=60))
def test_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableJobError):
        if MEMORY.deserialize(payload) is None and payload.strip() == b"null":
            raise UnreadableJobError("", "")
