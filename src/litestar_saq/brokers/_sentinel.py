"""A Redis whose master is known by sentinels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl, unquote, urlencode

from redis.asyncio.connection import parse_url
from redis.asyncio.sentinel import Sentinel

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
    scheme, _, rest = dsn.partition("://")
    location, _, query = rest.partition("?")
    credentials, at, place = location.rpartition("@")
    hosts, _, path = place.partition("/")
    service, _, database = path.partition("/")
    if not service or (database and not database.isdecimal()):
        raise ValueError
    sentinels = [_host_and_port(host) for host in hosts.split(",")]
    given = dict(parse_qsl(query, keep_blank_values=True))
    own = {name.removeprefix(_OWN): given.pop(name) for name in list(given) if name.startswith(_OWN)}
    tls = "s" if scheme.lower().startswith("rediss") else ""
    common = f"redis{tls}://{credentials}{at}localhost/{database}?{urlencode(given)}"
    options = {
        name: value for name, value in parse_url(common).items() if name not in {"host", "port", "connection_class"}
    }
    if tls:
        options["ssl"] = True
    shared = {name: value for name, value in options.items() if name.startswith(("ssl", "socket_"))}
    return SentinelPlace(sentinels, unquote(service), options, {**shared, **own})


def sentinel_client(dsn: str, **client_options: Any) -> Redis:
    """Return a client of the service's master, whichever that is when it connects."""
    place = parse_sentinel(dsn)
    sentinel = cast("Any", Sentinel)(place.sentinels, sentinel_kwargs=place.sentinel_options)
    return cast("Redis", sentinel.master_for(place.service, **{**place.options, **client_options}))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    if not host or (port and not port.isdecimal()):
        raise ValueError
    return host.strip("[]"), int(port or _PORT)
