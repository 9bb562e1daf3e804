"""One queue of each broker, on a real server."""

import asyncio
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from litestar import Litestar, post
from litestar.params import RawBody
from saq.queue.base import Queue
from saq.queue.http import HttpProxy

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.testing import InMemoryQueue

_PATIENT = {"socket_timeout": 60}
"""Else a server that is held up for 5 s fails a test."""


@contextmanager
def http_proxy(redis_url: str, name: str, prepare: Callable[[Queue], object]) -> Iterator[str]:
    """A server that runs SAQ's HttpProxy over a queue on Redis; yields its URL."""
    queue = build_queue(
        QueueConfig(dsn=redis_url, name=name, broker_instance_options=_PATIENT), serializer, decode_json
    )
    prepare(queue)
    proxy = HttpProxy(queue)

    @post("/", status_code=200, media_type="text/plain")
    async def process(body: RawBody) -> str:
        return await proxy.process(body.decode()) or ""

    async def connect() -> None:
        await queue.connect()

    async def disconnect() -> None:
        await queue.disconnect()

    app = Litestar([process], on_startup=[connect], on_shutdown=[disconnect], openapi_config=None)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["redis", "valkey", "postgres", "http", "memory"])
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def prepare_proxied() -> Callable[[Queue], object]:
    """What is done to the queue behind the proxy."""
    return lambda _queue: None


@pytest.fixture
def queue_config(
    broker: str, request: pytest.FixtureRequest, prepare_proxied: Callable[[Queue], object]
) -> Iterator[QueueConfig]:
    """The configuration of a queue that nobody else uses."""
    name = f"{broker}-{uuid.uuid4().hex[:8]}"
    if broker == "memory":
        yield QueueConfig(broker_instance=InMemoryQueue(name), name=name)
    elif broker == "http":
        with http_proxy(request.getfixturevalue("redis_url"), name, prepare_proxied) as url:
            yield QueueConfig(dsn=url, name=name)
    else:
        options = {} if broker == "postgres" else _PATIENT
        yield QueueConfig(dsn=request.getfixturevalue(f"{broker}_url"), name=name, broker_instance_options=options)


@pytest.fixture
def key() -> str:
    """A job's key that nobody else uses: on Postgres a key is unique over all queues."""
    return uuid.uuid4().hex


@pytest.fixture
async def queue(queue_config: QueueConfig) -> AsyncIterator[Queue]:
    queue = build_queue(queue_config, serializer, decode_json)
    await queue.connect()
    yield queue
    await queue.disconnect()


@pytest.fixture
async def run_worker(queue: Queue) -> AsyncIterator[Callable[..., Worker]]:
    """Start workers in this loop; they are ended after the test."""
    workers: list[Worker] = []

    def start(*functions: Any, **options: Any) -> Worker:
        worker = Worker(queue, functions, **options)
        worker.start_in_background()
        workers.append(worker)
        return worker

    yield start
    await asyncio.gather(*(worker.stop_in_background() for worker in workers))
