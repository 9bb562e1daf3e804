"""DSNs: which broker they name, and how they are shown without their password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ("SCHEMES", "mask_dsn", "scheme_of")

SCHEMES = {
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "redis+sentinel": "redis",
    "rediss+sentinel": "redis",
    "redis+cluster": "redis",
    "rediss+cluster": "redis",
    "postgres": "postgres",
    "postgresql": "postgres",
    "http": "http",
    "https": "http",
    "embedded": "embedded",
}
"""URL schemes, and the broker that each stands for."""
_MASK = "***"
_SHOWN = {"application_name", "connect_timeout", "db", "dbname", "host", "port", "protocol", "sslmode"}
"""Query parameters that hold no secret under any broker."""
_PLACE = re.compile(r"(\[[^\]]*\]|[^:\[]*)(:\d{0,5})?")
"""A host and port. What looks otherwise is most often a password whose `@host` was forgotten."""


def scheme_of(dsn: str) -> str:
    """Return the DSN's scheme in lower case (empty where it has none)."""
    return dsn.partition("://")[0].lower() if "://" in dsn else ""


def mask_dsn(dsn: str) -> str:
    """Return the DSN with its credentials covered, whatever is wrong with it.

    The user's name stays, the password becomes `***`; so does all that could be one: a port that is no number,
    query parameters that are not known to be harmless, a fragment.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator:
        return _MASK
    credentials, at, location = rest.rpartition("@")
    user = credentials.partition(":")[0]
    shown = f"{user}:{_MASK}@" if ":" in credentials else f"{user}@" if at else ""
    location, sharp, _ = location.partition("#")
    location, question, query = location.partition("?")
    hosts, slash, path = location.partition("/")
    hosts = ",".join(_mask_place(place) for place in hosts.split(","))
    query = "&".join(_mask_parameter(parameter) for parameter in query.split("&"))
    return f"{scheme}://{shown}{hosts}{slash}{path}{question}{query}{sharp and '#' + _MASK}"


def _mask_place(place: str) -> str:
    return place if _PLACE.fullmatch(place) else f"{place.partition(':')[0]}:{_MASK}"


def _mask_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return parameter if name in _SHOWN or not parameter else f"{name if equals else ''}{equals}{_MASK}"


def host_and_port(dsn: str, default_port: int) -> tuple[str, int] | None:
    """Return the host and port that a DSN names, None where it names no host.

    Raises:
        ValueError: where the port is no number; its text would show parts of the DSN, so it says nothing.
    """
    try:
        parts = urlsplit(dsn)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError from None
    return (host, port or default_port) if host else None
