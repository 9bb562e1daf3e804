"""Long tasks that tell the broker that they are alive.

litestar --app-dir=examples/ --app monitored:app workers run
"""

import asyncio
import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, monitored_job


async def process_large_dataset() -> None:
    await asyncio.sleep(3)


async def train_epoch(epoch: int) -> None:
    await asyncio.sleep(0.01)


@monitored_job()  # Auto-calculates interval from job.heartbeat
async def long_running_task(ctx: dict[str, Any]) -> dict[str, str]:
    await process_large_dataset()
    return {"status": "complete"}


@monitored_job(interval=30.0)  # Explicit 30-second interval
async def train_model(ctx: dict[str, Any], model_id: str) -> dict[str, str]:
    for epoch in range(100):
        await train_epoch(epoch)
    return {"model_id": model_id}


redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")
queue = QueueConfig(name="long", dsn=redis_url, tasks=[long_running_task, train_model])
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[queue]))])
