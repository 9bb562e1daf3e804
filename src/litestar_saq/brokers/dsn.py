"""DSNs: which broker they name, and how they are shown without their password."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = ("SCHEMES", "mask_dsn", "scheme_of")

SCHEMES = {
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
    "postgres": "postgres",
    "postgresql": "postgres",
    "http": "http",
    "https": "http",
    "embedded": "embedded",
}
"""URL schemes, and the broker that each stands for."""
_SECRETS = ("password", "passwd", "token", "secret")
_MASK = "***"


def scheme_of(dsn: str) -> str:
    """Return the DSN's scheme in lower case (empty where it has none)."""
    return dsn.partition("://")[0].lower() if "://" in dsn else ""


def mask_dsn(dsn: str) -> str:
    """Return the DSN with its credentials covered, whatever is wrong with it.

    The user's name stays, the password becomes `***`; so do query parameters that hold one.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator:
        return _MASK
    credentials, at, location = rest.rpartition("@")
    user = credentials.partition(":")[0]
    shown = f"{user}:{_MASK}@" if ":" in credentials else f"{user}@" if at else ""
    base, question, query = location.partition("?")
    if question:
        pairs = [(k, _MASK if any(s in k.lower() for s in _SECRETS) else v) for k, v in parse_qsl(query)]
        base = f"{base}?{urlencode(pairs, safe='*/:')}"
    return f"{scheme}://{shown}{base}"


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
