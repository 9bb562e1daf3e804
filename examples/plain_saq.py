"""SAQ without Litestar; `opentelemetry-instrument` gives it traces and metrics, and nothing in here knows.

OTEL_TRACES_EXPORTER=console OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none \
    opentelemetry-instrument python examples/plain_saq.py
"""

import asyncio
import os
from typing import Any

from saq import Queue, Worker


async def greet(ctx: dict[str, Any], *, name: str) -> str:
    return f"Hello, {name}!"


async def main() -> None:
    queue = Queue.from_url(os.getenv("REDIS_URL", "redis://localhost:6379/0"), name="plain")
    await queue.connect()
    await queue.enqueue("greet", name="Ada")
    await Worker(queue, [greet], burst=True, dequeue_timeout=1).start()
    await queue.disconnect()


asyncio.run(main())
