"""Celery, on Redis."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery  # type: ignore[import-not-found]  # of its own environment

from benchmarks.peers.adapter import NAP_S, Adapter, begun
from benchmarks.peers.program import main


class CeleryPeer(Adapter):
    """Plain functions, in one worker process."""

    packages = ("celery", "kombu", "redis", "hiredis")
    settings = (
        "hiredis; `--pool threads`, worker_prefetch_multiplier=64 (its guide on optimizing, for short tasks), "
        "`--without-gossip --without-mingle --without-heartbeat`"
    )
    results = "not kept; for the round trip the Redis backend"
    synchronous = True

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self._app = Celery("peers", broker=task.url, backend=task.url if task.results else None)
        self._app.conf.update(
            task_default_queue=task.queue,
            worker_prefetch_multiplier=64,
            worker_hijack_root_logger=False,
            broker_connection_retry_on_startup=True,
        )
        self._tasks = {
            "no_op": self._app.task(_no_op, name="no_op"),
            "nap": self._app.task(_nap, name="nap"),
        }

    async def open(self) -> None:
        """Do nothing: it connects with the first job."""

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return self._tasks[function].delay(payload, sent_ns)

    async def round_trip(self, payload: str) -> None:
        (await self.enqueue("no_op", payload, 0)).get(timeout=10)

    def work(self) -> None:
        concurrency = f"--concurrency={self.task.concurrency}"
        options = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR")
        self._app.worker_main(["worker", "--pool=threads", concurrency, *options])


def _no_op(payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)


def _nap(payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)
    time.sleep(NAP_S)


if __name__ == "__main__":
    main(CeleryPeer)
