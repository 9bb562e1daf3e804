"""A client for a thread, of the same server as one of an event loop: that loop may be busy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from redis import Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection as AsyncUnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.sentinel import Sentinel

if TYPE_CHECKING:
    from redis.asyncio import Redis as AsyncRedis

    from litestar_saq.brokers._cluster import SlotFinder

    _Base = Connection
else:
    _Base = object

__all__ = ("thread_client",)

_ANSWER_S = 2.0
_TIMES: dict[str, Any] = {"socket_timeout": _ANSWER_S, "socket_connect_timeout": _ANSWER_S}
_SAME = ("host", "port", "path", "db", "username", "password", "credential_provider", "protocol", "find_server")
"""Options of connections that mean the same in a thread; those that begin with `ssl_` do, too."""


class _AtSlot(_Base):
    """A connection to the server that has a slot of a cluster when it connects."""

    def __init__(self, *, find_server: SlotFinder, **options: Any) -> None:
        self._find_server = find_server
        cast("Any", super()).__init__(**options)

    def _connect(self) -> Any:
        self.host, self.port = asyncio.run(self._find_server())
        return cast("Any", super())._connect()  # noqa: SLF001 - what all ways to connect have in common


class _SlotConnection(_AtSlot, Connection):
    """Such a connection."""


class _SlotSSLConnection(_AtSlot, SSLConnection):
    """Such a connection that is encrypted."""


_KINDS: tuple[tuple[Any, Any, Any], ...] = (
    (AsyncSSLConnection, SSLConnection, _SlotSSLConnection),
    (AsyncUnixDomainSocketConnection, UnixDomainSocketConnection, None),
    (AsyncConnection, Connection, _SlotConnection),
)
"""What is of a loop, of a thread, and of a thread and a cluster."""


def thread_client(redis: AsyncRedis) -> Redis | None:
    """Return the client; None where the other one's connections are of a kind that has no like in a thread."""
    pool = redis.connection_pool
    options = pool.connection_kwargs
    same = {name: value for name, value in options.items() if name in _SAME or name.startswith("ssl_")} | _TIMES
    if isinstance(pool, AsyncSentinelPool):
        return _client_by_sentinels(pool, same)
    kinds = next((kinds for kinds in _KINDS if issubclass(pool.connection_class, kinds[0])), None)
    if kinds is None:
        return None
    kind = kinds[2] if "find_server" in same else kinds[1]
    return Redis(connection_pool=ConnectionPool(connection_class=kind, max_connections=1, **same))


def _client_by_sentinels(pool: AsyncSentinelPool, options: dict[str, Any]) -> Redis:
    manager: Any = pool.sentinel_manager
    known = [sentinel.connection_pool.connection_kwargs for sentinel in manager.sentinels]
    places = [(each["host"], each["port"]) for each in known]
    sentinel = cast("Any", Sentinel)(places, sentinel_kwargs={**manager.sentinel_kwargs, **_TIMES})
    is_tls = issubclass(pool.connection_class, AsyncSSLConnection)
    return cast("Redis", sentinel.master_for(pool.service_name, ssl=is_tls, **options))
