from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any

from litestar.datastructures import State
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from reference_app.events import stream_progress
from reference_app.reading import check_file
from reference_app.store import Store

if TYPE_CHECKING:
    from litestar_saq import TaskQueues

FILE = b"a\n1\n"
REPORT = "0" * 32


class Application:
    """What a stream needs of an application."""

    def __init__(self) -> None:
        self.state = State({"stopping": asyncio.Event()})


async def test_a_stream_tells_what_is_new_and_ends_with_the_report(store: Store, queues: TaskQueues) -> None:
    application: Any = Application()
    await store.create(REPORT, FILE, check_file(FILE, max_columns=1), trace_id=None, ttl_s=60)
    report = await store.get(REPORT)
    assert report is not None

    stream = stream_progress(store, report, application)
    told = [await anext(stream)]
    await store.start(REPORT)
    told.append(await anext(stream))
    await store.fail(REPORT, "It was not to be.")
    told += [message async for message in stream]

    assert [message.event for message in told] == ["progress", "progress", "failed"]
    assert [json.loads(message.data or "")["status"] for message in told] == ["queued", "running", "failed"]
    assert json.loads(told[-1].data or "")["error"] == "It was not to be."


async def test_a_stream_ends_with_a_report_that_expires(store: Store) -> None:
    application: Any = Application()
    await store.create(REPORT, FILE, check_file(FILE, max_columns=1), trace_id=None, ttl_s=60)
    report = await store.get(REPORT)
    assert report is not None

    stream = stream_progress(store, report, application)
    await anext(stream)
    await store.delete(REPORT)

    assert [message async for message in stream] == []


async def test_a_stream_outlives_a_broker_that_is_away_and_ends_with_the_server(store: Store) -> None:
    application: Any = Application()
    await store.create(REPORT, FILE, check_file(FILE, max_columns=1), trace_id=None, ttl_s=60)
    report = await store.get(REPORT)
    assert report is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with Redis(port=port, retry=Retry(NoBackoff(), 0)) as away:
        stream = stream_progress(Store(away), report, application)
        await anext(stream)
        rest = asyncio.create_task(_all(stream))
        done, _ = await asyncio.wait([rest], timeout=1)
        assert not done

        application.state["stopping"].set()

        assert await rest == []


async def _all(stream: Any) -> list[Any]:
    return [message async for message in stream]
