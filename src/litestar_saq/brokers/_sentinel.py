"""A Redis whose master is known by sentinels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

from redis.asyncio.sentinel import Sentinel

from litestar_saq.brokers._places import read_places

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ("SENTINEL_FORM", "SENTINEL_SCHEMES", "parse_sentinel", "sentinel_client")

SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
SENTINEL_FORM = "redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/service[/database]"
_PORT = 26379
_OWN = "sentinel_"


class SentinelPlace(NamedTuple):
    """What a DSN says."""

    sentinels: list[tuple[str, int]]
    service: str
    options: dict[str, Any]
    """Of the master's connections."""
    sentinel_options: dict[str, Any]
    """Of the sentinels'."""


def parse_sentinel(dsn: str) -> SentinelPlace:
    """Read a DSN of `SENTINEL_FORM`, with redis-py's options as its query; `sentinel_password` and so on are theirs.

    Raises:
        ValueError: where it has another form; its text says nothing, as it would show parts of the DSN.
    """
    places = read_places(dsn, _PORT, _OWN)
    service, _, database = places.path.partition("/")
    if not service or (database and not database.isdecimal()):
        raise ValueError
    options = {**places.options, **({"db": int(database)} if database else {})}
    shared = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    return SentinelPlace(places.servers, unquote(service), options, {**shared, **places.own})


def sentinel_client(dsn: str, **client_options: Any) -> Redis:
    """Return a client of the service's master, whichever that is when it connects."""
    place = parse_sentinel(dsn)
    sentinel = cast("Any", Sentinel)(place.sentinels, sentinel_kwargs=place.sentinel_options)
    return cast("Redis", sentinel.master_for(place.service, **{**place.options, **client_options}))
