"""This project's `litestar-saq`: in its own environment, so that it may use what the other benchmarks have."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Litestar
from saq import Job

from benchmarks.peers.adapter import NAP_S, Adapter, begun
from benchmarks.peers.program import main, run
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.telemetry import OtelOptions


class Ours(Adapter):
    """As the README shows it: the plugin with its defaults, and the worker that its command runs."""

    packages = ("litestar-saq", "saq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis"
    results = "kept for 600 s"
    bulk = True
    polls = True

    async def open(self) -> None:
        self._queue: Any = _plugin(self).get_queue(self.task.queue)
        await self._queue.connect()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._queue.enqueue(function, payload=payload, sent_ns=sent_ns)

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        arguments = {"payload": payload, "sent_ns": 0}
        await self._queue.enqueue_many(Job(function, kwargs=arguments) for _ in range(jobs))

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"poll_interval": self.task.poll_s}
        await self._queue.apply("no_op", payload=payload, sent_ns=0, **poll)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        plugin = _plugin(self)
        await plugin.get_queue(self.task.queue).connect()
        await plugin.make_worker(self.task.queue)[0].start()


def _plugin(peer: Adapter) -> SAQPlugin:
    config = QueueConfig(
        dsn=peer.task.url,
        name=peer.task.queue,
        tasks=[no_op, nap],
        concurrency=peer.task.concurrency,
    )
    plugin = SAQPlugin(
        SAQConfig(queue_configs=[config], enable_otel=peer.task.traced, otel_options=_dropping(peer.task.traced))
    )
    Litestar(plugins=[plugin], logging_config=None)
    return plugin


def _dropping(traced: bool) -> OtelOptions:
    """Return telemetry whose spans are all made, and dropped by the exporter."""
    if not traced:
        return OtelOptions()
    from benchmarks.providers import Providers  # noqa: PLC0415 - the SDK is no part of what is not traced

    providers = Providers(None)
    return OtelOptions(tracer_provider=providers.tracer, meter_provider=providers.meter)


async def no_op(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)


async def nap(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)


if __name__ == "__main__":
    main(Ours)
