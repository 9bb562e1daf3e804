"""arq."""

from __future__ import annotations

import asyncio
from typing import Any

from arq import Worker, create_pool  # type: ignore[import-not-found]  # of its own environment
from arq.connections import RedisSettings  # type: ignore[import-not-found]  # the same

from benchmarks.peers.adapter import NAP_S, Adapter, begun
from benchmarks.peers.program import main, run


class Arq(Adapter):
    """As its documentation shows it."""

    packages = ("arq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis; poll_delay=0.01, queue_read_limit=1000, log_results=False (Worker's parameters)"
    results = "kept for 3600 s"
    polls = True

    async def open(self) -> None:
        self._redis = await create_pool(RedisSettings.from_dsn(self.task.url), default_queue_name=self.task.queue)

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._redis.enqueue_job(function, payload, sent_ns)

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"poll_delay": self.task.poll_s}
        await (await self.enqueue("no_op", payload, 0)).result(**poll)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        worker = Worker(
            [no_op, nap],
            queue_name=self.task.queue,
            redis_settings=RedisSettings.from_dsn(self.task.url),
            max_jobs=self.task.concurrency,
            poll_delay=0.01,
            queue_read_limit=1000,
            log_results=False,
        )
        await worker.async_run()


async def no_op(_ctx: Any, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)


async def nap(_ctx: Any, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)


if __name__ == "__main__":
    main(Arq)
