"""Queues whose tasks, hooks and brokers no other process could be sent."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import Any

from events import emit
from litestar import Litestar
from redis.asyncio import Redis

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

multiprocessing.set_start_method(os.environ.get("METHOD", "fork"), force=True)


def multiplier(factor: int) -> Any:
    lock = threading.Lock()

    async def multiply(ctx: Any, *, n: int, secret: str) -> int:
        with lock:
            return factor * n * bool(secret)

    return multiply


def create_app() -> Litestar:
    configs = [
        QueueConfig(
            name=f"{letter}-{os.environ['RUN']}",
            broker_instance=Redis.from_url(os.environ["DSN"]),
            tasks=[("multiply", multiplier(factor)), ("negate", lambda _ctx, *, n, secret: -n * bool(secret))],
            startup=lambda ctx: emit("startup", queue=ctx["queue"].name),
        )
        for letter, factor in (("a", 10), ("b", 100))
    ]
    return Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=configs))])
