"""dramatiq, on its Redis broker."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

# It is read at the import.
os.environ["dramatiq_queue_prefetch"] = "500"  # noqa: SIM112 - its name

import dramatiq  # type: ignore[import-not-found]  # of its own environment
from dramatiq.brokers.redis import RedisBroker  # type: ignore[import-not-found]  # the same
from dramatiq.results import Results  # type: ignore[import-not-found]  # the same
from dramatiq.results.backends import RedisBackend  # type: ignore[import-not-found]  # the same

from benchmarks.peers.adapter import NAP_S, Adapter, begun
from benchmarks.peers.program import main


class Dramatiq(Adapter):
    """Plain functions in a process of threads, as `dramatiq --processes 1 --threads N` runs them."""

    packages = ("dramatiq", "redis", "hiredis")
    settings = "hiredis; plain functions, a thread for each job that runs at once; dramatiq_queue_prefetch=500"
    results = "not kept; for the round trip Results with RedisBackend"
    synchronous = True

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self._broker = RedisBroker(url=task.url)
        if task.results:
            self._broker.add_middleware(Results(backend=RedisBackend(url=task.url), store_results=True))
        dramatiq.set_broker(self._broker)
        self._actors = {
            function.__name__.strip("_"): dramatiq.actor(function, queue_name=task.queue) for function in (_no_op, _nap)
        }

    async def open(self) -> None:
        """Do nothing: it connects with the first job."""

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return self._actors[function].send(payload, sent_ns)

    async def round_trip(self, payload: str) -> None:
        (await self.enqueue("no_op", payload, 0)).get_result(block=True)

    def work(self) -> None:
        dramatiq.Worker(self._broker, worker_threads=self.task.concurrency).start()
        signal.pause()


def _no_op(payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)


def _nap(payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)
    time.sleep(NAP_S)


if __name__ == "__main__":
    main(Dramatiq)
