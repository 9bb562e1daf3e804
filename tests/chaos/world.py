"""A broker, workers and producers as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.chaos.brokers import BROKERS
from tests.chaos.history import History
from tests.chaos.proxy import Proxy

__all__ = ("World",)

ROOT = Path(__file__).parents[2]


class World:
    """What is harmed.

    Args:
        folder: where its files are.
        broker: `redis` or `postgres`.
        workers: how many there are.
        rates: of each producer, how many jobs a second it enqueues.
        seed: of the producers.
    """

    def __init__(self, folder: Path, *, broker: str, workers: int, rates: tuple[float, ...], seed: int) -> None:
        self.history = History(folder / "history.jsonl")
        self._folder = folder
        self.server = BROKERS[broker](folder)
        self.proxy = Proxy(self.server.port)
        self._environment = {
            **os.environ,
            "CHAOS_HISTORY": str(self.history.path),
            "CHAOS_DSN": self.server.dsn(self.proxy.port),
            "PYTHONPATH": str(ROOT),
        }
        self.workers = [self._start_worker() for _ in range(workers)]
        self._producers = [
            self._start("tests.chaos.producer", str(rate), str(seed + number)) for number, rate in enumerate(rates)
        ]

    def _start(self, module: str, *arguments: str, skew_s: float = 0.0) -> subprocess.Popen[bytes]:
        with (self._folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self._folder,
                env={**self._environment, "CHAOS_SKEW_S": str(skew_s)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _start_worker(self, skew_s: float = 0.0) -> subprocess.Popen[bytes]:
        return self._start("litestar", "--app", "tests.chaos.jobs:app", "workers", "run", skew_s=skew_s)

    def signal(self, number: int, sign: signal.Signals) -> int:
        """Send a signal to a worker; return its pid."""
        process = self.workers[number]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        return process.pid

    def replace(self, number: int, *, skew_s: float = 0.0) -> None:
        """Start a worker, whose clock may be wrong, in the place of one that has ended, or does."""
        self.workers[number].wait(60)
        self.workers[number] = self._start_worker(skew_s)

    def enqueue(self, key: str, **arguments: float) -> None:
        """Enqueue a job by hand."""
        self._start("tests.chaos.producer", "--one", key, json.dumps(arguments)).wait(60)

    def stop_producers(self) -> None:
        for producer in self._producers:
            producer.terminate()
        for producer in self._producers:
            producer.wait(60)

    def close(self) -> None:
        for process in (*self.workers, *self._producers):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.proxy.close()
        self.server.close()
