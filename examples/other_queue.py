"""A task that reaches a queue which this application does not configure.

litestar --app-dir=examples/ --app other_queue:app workers run
"""

import os
from typing import Any

from litestar import Litestar
from saq import Queue

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin


def get_queue_directly(queue_name: str, redis_url: str) -> Queue:
    return Queue.from_url(redis_url, name=queue_name)


redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")


async def pass_on(ctx: dict[str, Any]) -> int:
    queue = get_queue_directly("queue-in-other-process", redis_url)

    # Get queue info
    info = await queue.info(jobs=True)

    # Enqueue new task
    await queue.enqueue("task_name", arg1="value1")
    await queue.disconnect()
    return info["queued"]


saq = SAQPlugin(SAQConfig(queue_configs=[QueueConfig(name="passing", dsn=redis_url, tasks=[pass_on])]))
app = Litestar(plugins=[saq])
