"""Stock SAQ."""

from __future__ import annotations

from typing import Any

from saq import Queue, Worker

from benchmarks.peers.adapter import Adapter
from benchmarks.peers.program import main, run
from benchmarks.peers.saq_jobs import JOBS


class StockSaq(Adapter):
    """As its README shows it."""

    packages = ("saq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis"
    results = "kept for 600 s"
    polls = True
    tells = True

    async def open(self) -> None:
        self._queue = _queue(self)
        await self._queue.connect()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._queue.enqueue(function, payload=payload, sent_ns=sent_ns)

    async def info(self) -> None:
        await self._queue.info()

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"poll_interval": self.task.poll_s}
        await self._queue.apply("no_op", payload=payload, sent_ns=0, **poll)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        queue = _queue(self)
        await queue.connect()
        await Worker(queue, JOBS, concurrency=self.task.concurrency).start()


def _queue(peer: Adapter) -> Any:
    return Queue.from_url(peer.task.url, name=peer.task.queue)


if __name__ == "__main__":
    main(StockSaq)
