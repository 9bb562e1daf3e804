"""streaQ."""

from __future__ import annotations

from typing import Any

from streaq import Worker  # type: ignore[import-not-found]  # of its own environment

from benchmarks.peers.adapter import Adapter, nap, no_op
from benchmarks.peers.program import main


class Streaq(Adapter):
    """As its README shows it; its client is coredis, which has no use for hiredis."""

    packages = ("streaq", "coredis", "anyio", "uvloop")
    settings = "uvloop (anyio_kwargs)"
    results = "kept for 300 s"
    bulk = True

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        self._worker = Worker(
            task.url,
            concurrency=task.concurrency,
            queue_name=task.queue,
            anyio_kwargs={"use_uvloop": True},
        )
        self._tasks = {"no_op": self._worker.task(no_op), "nap": self._worker.task(nap)}

    async def open(self) -> None:
        await self._worker.__aenter__()

    async def close(self) -> None:
        await self._worker.__aexit__(None, None, None)

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._tasks[function].enqueue(payload, sent_ns)

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        await self._worker.enqueue_many([self._tasks[function].enqueue(payload, 0) for _ in range(jobs)])

    async def round_trip(self, payload: str) -> None:
        await (await self.enqueue("no_op", payload, 0)).result(timeout=10)

    def work(self) -> None:
        self._worker.run_sync()


if __name__ == "__main__":
    main(Streaq)
