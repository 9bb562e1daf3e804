"""The published `litestar-saq` 0.8."""

from __future__ import annotations

from typing import Any

from litestar import Litestar

from benchmarks.peers.adapter import Adapter
from benchmarks.peers.program import main, run
from benchmarks.peers.saq_jobs import JOBS
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin


class Published(Adapter):
    """As its README shows it: the plugin, and the worker that its command runs."""

    packages = ("litestar-saq", "saq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis"
    results = "kept for 600 s"
    polls = True
    tells = True

    async def open(self) -> None:
        self._queue: Any = _plugin(self).get_queue(self.task.queue)
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
        plugin: Any = _plugin(self)
        worker = plugin.get_workers()[self.task.queue]
        await worker.queue.connect()
        await worker.start()


def _plugin(peer: Adapter) -> SAQPlugin:
    config = QueueConfig(
        dsn=peer.task.url,
        name=peer.task.queue,
        tasks=list(JOBS),
        concurrency=peer.task.concurrency,
    )
    plugin = SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=False))
    Litestar(plugins=[plugin], logging_config=None)
    return plugin


if __name__ == "__main__":
    main(Published)
