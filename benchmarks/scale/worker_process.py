"""A worker of jobs that do nothing, in a process of its own, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

__all__ = ("CONCURRENCY", "make_plugin")

CONCURRENCY = 10


def make_plugin(redis_url: str, queue: str) -> SAQPlugin:
    """Return the plugin with the one queue, its telemetry off."""
    config = QueueConfig(dsn=redis_url, name=queue, tasks=[no_op], concurrency=CONCURRENCY)
    plugin = SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=False))
    Litestar(plugins=[plugin], logging_config=None)
    return plugin


async def no_op(_ctx: Any, **_: Any) -> None:
    """Do nothing: what is left is the queue's own cost."""


async def _run(redis_url: str, queue: str) -> None:
    plugin = make_plugin(redis_url, queue)
    await plugin.get_queue(queue).connect()
    await plugin.make_worker(queue)[0].start()
    await plugin.get_queue(queue).disconnect()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("redis_url")
    parser.add_argument("queue")
    options = parser.parse_args()
    asyncio.run(_run(options.redis_url, options.queue))
