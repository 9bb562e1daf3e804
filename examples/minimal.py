"""A request enqueues a job, a worker's process runs it.

litestar --app-dir=examples/ --app minimal:app run
litestar --app-dir=examples/ --app minimal:app workers run
"""

import os
from typing import Any

from litestar import Litestar, post

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, TaskQueues


async def greet(ctx: dict[str, Any], *, name: str) -> str:
    return f"Hello, {name}!"


@post("/greetings/{name:str}", status_code=202)
async def enqueue_greeting(name: str, task_queues: TaskQueues) -> dict[str, str]:
    job = await task_queues.get("greetings").enqueue("greet", name=name)
    return {"job": job.key}


redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")
queue = QueueConfig(name="greetings", dsn=redis_url, tasks=[greet])
app = Litestar([enqueue_greeting], plugins=[SAQPlugin(SAQConfig(queue_configs=[queue], web_enabled=True))])
