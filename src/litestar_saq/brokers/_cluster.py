"""A Redis Cluster: a queue's keys are in one slot, and so at one server, which may change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import Redis
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from litestar_saq.brokers._call import ask
from litestar_saq.brokers._places import read_places

__all__ = ("CLUSTER_FORM", "CLUSTER_SCHEMES", "check_cluster", "cluster_client", "has_tag")

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object

CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
CLUSTER_FORM = "redis+cluster://[user[:password]@]host[:port][,host[:port]…]"
_PORT = 6379
_TAG = re.compile(r"\{[^{}]+\}")
_ELSEWHERE = (AskError, TryAgainError, ClusterDownError, MasterDownError, ReadOnlyError)
"""That a slot has moved (`MovedError` is an `AskError`), is moving, or that its server has become a replica."""


class SlotFinder:
    """Finds the server of a slot.

    Args:
        servers: of the cluster; the others are found by them.
        name: what the slot is of, with a hash tag.
        options: of the connections.
    """

    def __init__(self, servers: list[tuple[str, int]], name: str, options: dict[str, Any]) -> None:
        self.servers = servers
        self._slot = key_slot(name.encode())
        self._options = options
        self._learned: list[tuple[str, int]] = []

    async def __call__(self) -> tuple[str, int]:
        """Return host and port.

        Raises:
            RedisConnectionError: where no server tells.
        """
        last: Exception | None = None
        for host, port in dict.fromkeys((*self._learned, *self.servers)):
            client = cast("Any", Redis)(host=host, port=port, **self._options)
            try:
                connection = await client.connection_pool.get_connection()
                ranges = await ask(connection, "CLUSTER", "SLOTS")
                await client.connection_pool.release(connection)
            except (OSError, RedisError) as error:
                last = error
                continue
            finally:
                await client.aclose()
            found = [one for one in ranges if one[0] <= self._slot <= one[1]]
            self._learned = [_address(node, host) for one in ranges for node in one[2:]]
            if found:
                return _address(found[0][2], host)
        raise RedisConnectionError(f"no server of the cluster tells where slot {self._slot} is") from last


class _AtSlot(_Base):
    """A connection to the server that has a slot when it connects."""

    def __init__(self, *, find_server: SlotFinder, **options: Any) -> None:
        self._find_server = find_server
        super().__init__(**options)

    async def connect(self) -> None:
        """Connect, unless it is connected."""
        if not self.is_connected:
            self.host, self.port = await self._find_server()
        await cast("Any", super()).connect()

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Read an answer; one that says that the slot is elsewhere ends the connection."""
        try:
            return await super().read_response(*arguments, **options)
        except ResponseError as error:
            if not isinstance(error, _ELSEWHERE) and not str(error).startswith("UNBLOCKED"):
                raise
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"the queue's server has changed: {type(error).__name__}") from error


class SlotConnection(_AtSlot, Connection):
    """Such a connection."""


class SlotSSLConnection(_AtSlot, SSLConnection):
    """Such a connection that is encrypted."""


def has_tag(name: str) -> bool:
    """Tell whether a name has a hash tag, so that all that is named with it is in one slot."""
    return _TAG.search(name) is not None


def check_cluster(dsn: str) -> None:
    """See that a DSN is of `CLUSTER_FORM`.

    Raises:
        ValueError: where it is not.
    """
    if read_places(dsn, _PORT).path not in {"", "0"}:  # a cluster has one database
        raise ValueError


def cluster_client(dsn: str, name: str, **client_options: Any) -> Redis:
    """Return a client of the server that has a queue's slot, whichever that is when it connects."""
    places = read_places(dsn, _PORT)
    options = {**places.options, **client_options}
    finder = SlotFinder(places.servers, name, dict(options))
    kind: Any = SlotSSLConnection if options.pop("ssl", False) else SlotConnection
    return Redis(connection_pool=ConnectionPool(connection_class=kind, find_server=finder, **options))


def _address(node: list[Any], asked: str) -> tuple[str, int]:
    host = node[0].decode() if isinstance(node[0], bytes) else node[0]
    # Where a server does not know its own name, it is that by which it was reached.
    return (asked if host in {None, "", "?"} else host), int(node[1])
