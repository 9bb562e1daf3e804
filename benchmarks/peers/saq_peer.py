"""Stock SAQ."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Queue, Worker

from benchmarks.peers.adapter import NAP_S, Adapter, begun
from benchmarks.peers.program import main, run
from benchmarks.peers.recorder import record


class StockSaq(Adapter):
    """As its README shows it."""

    packages = ("saq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis"
    results = "kept for 600 s"
    polls = True

    async def open(self) -> None:
        self._queue = _queue(self)
        await self._queue.connect()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._queue.enqueue(function, payload=payload, sent_ns=sent_ns)

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"poll_interval": self.task.poll_s}
        await self._queue.apply("no_op", payload=payload, sent_ns=0, **poll)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        queue = _queue(self)
        await queue.connect()
        functions: Any = [no_op, nap, profiled]
        await Worker(queue, functions, concurrency=self.task.concurrency).start()


def _queue(peer: Adapter) -> Any:
    return Queue.from_url(peer.task.url, name=peer.task.queue)


async def no_op(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)


async def profiled(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    del payload, sent_ns
    record()


async def nap(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)


if __name__ == "__main__":
    main(StockSaq)
