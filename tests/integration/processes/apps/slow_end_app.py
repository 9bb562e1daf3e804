"""Two queues whose clients take their time to disconnect."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from events import RELEASE, emit
from litestar import Litestar
from redis.asyncio import Redis

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin


class SlowRedis(Redis):
    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        emit("disconnecting")
        while not RELEASE.exists():
            await asyncio.sleep(0.02)
        await super().aclose(close_connection_pool)
        emit("disconnected")


async def startup(_ctx: Any) -> None:
    emit("startup")


configs = [
    QueueConfig(
        name=f"{letter}-{os.environ['RUN']}",
        broker_instance=SlowRedis.from_url(os.environ["DSN"]),
        startup=startup,
        shutdown_grace_period_s=30,  # else they have 11 s to end, and a machine may stall
    )
    for letter in os.environ.get("LETTERS", "ab")
]
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=configs))])
