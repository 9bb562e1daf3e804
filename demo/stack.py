"""The system under demonstration: the receiver, the API and a worker process a queue."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from demo.broker import EmbeddedBroker
from demo.processes import Processes
from demo.receiver import OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("QUEUES", "Stack", "choose_port")

_PORTS = range(20_000, 32_000)

QUEUES = ("reports", "analysis", "maintenance")
APP = "reference_app.server:create_app"
HOST = "127.0.0.1"


class Stack:
    """Runs everything in a folder of its own, from entering to leaving the context."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.receiver = OtlpReceiver()
        self._port = port
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with self._open as entering:
            folder = Path(tempfile.mkdtemp(prefix="demo-"))
            entering.callback(shutil.rmtree, folder, ignore_errors=True)
            entering.enter_context(self.receiver)
            broker = await entering.enter_async_context(EmbeddedBroker(folder / "broker"))
            self.processes = Processes(folder)
            entering.push_async_callback(self.processes.end)
            self._start_processes(self._environment(broker.dsn))
            self._open = entering.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _start_processes(self, env: Mapping[str, str]) -> None:
        litestar = (sys.executable, "-m", "litestar", "--app", APP)
        self.processes.start("API", (*litestar, "run", "--host", HOST, "--port", str(self._port)), env=env)
        for queue in QUEUES:
            self.processes.start(f"worker {queue}", (*litestar, "workers", "run", "--queues", queue), env=env)

    def _environment(self, dsn: str) -> dict[str, str]:
        """Return this process' environment, with our telemetry and broker in place of any other."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LITESTAR_"))} | {
            "REDIS_URL": dsn,
            "REDIS_PASSWORD_FILE": "",
            "TRACE_URL": self.receiver.page("{trace_id}"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_BLRP_SCHEDULE_DELAY": "200",
            "NO_PROXY": _without_proxy(os.environ),
            "no_proxy": _without_proxy(os.environ),
            "PYTHONUNBUFFERED": "1",
        }


def _without_proxy(environ: Mapping[str, str]) -> str:
    """Return the hosts that are reached without a proxy, this machine among them."""
    return ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), HOST, "localhost")))


def choose_port(wanted: int) -> int:
    """Return the wanted port where it is free, any free one otherwise (also for 0)."""
    # Not one of those that the system gives to connections: until the API is there, one could be given it.
    others = random.sample(_PORTS, 50)
    for port in (wanted, *others, 0) if wanted else (*others, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("this machine has no free port")
