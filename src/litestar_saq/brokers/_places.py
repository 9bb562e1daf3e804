"""DSNs of several servers."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from redis.asyncio.connection import parse_url

__all__ = ("Places", "read_places")


class Places(NamedTuple):
    """What a DSN of several servers says."""

    servers: list[tuple[str, int]]
    path: str
    options: dict[str, Any]
    """Of redis-py's connections; `ssl` is true where they are encrypted."""
    own: dict[str, str]
    """Options that begin with a prefix, without it."""


def read_places(dsn: str, port: int, own: str | None = None) -> Places:
    """Read `scheme://[user[:password]@]host[:port][,host[:port]…]/path?options`.

    Args:
        dsn: the DSN.
        port: that of a server that has none.
        own: the prefix of options that are apart.

    Raises:
        ValueError: where it has another form; its text says nothing, as it would show parts of the DSN.
    """
    scheme, _, rest = dsn.partition("://")
    location, _, query = rest.partition("?")
    credentials, at, place = location.rpartition("@")
    hosts, _, path = place.partition("/")
    servers = [_host_and_port(host, port) for host in hosts.split(",")]
    given = dict(parse_qsl(query, keep_blank_values=True))
    apart = {name.removeprefix(own): given.pop(name) for name in list(given) if own and name.startswith(own)}
    tls = scheme.lower().startswith("rediss")
    common = f"redis{'s' if tls else ''}://{credentials}{at}localhost/?{urlencode(given)}"
    ignored = {"host", "port", "connection_class"}
    options = {name: value for name, value in parse_url(common).items() if name not in ignored}
    return Places(servers, path, {**options, "ssl": True} if tls else options, apart)


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    if not host or (port and not port.isdecimal()):
        raise ValueError
    return host.strip("[]"), int(port or default)
