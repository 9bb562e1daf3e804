"""Two queues, a worker process for each, and a task of one that enqueues to the other.

litestar --app-dir=examples/ --app two_queues:app workers run --queues orders
litestar --app-dir=examples/ --app two_queues:app workers run --queues mails
"""

import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin


async def take_order(ctx: dict[str, Any], *, number: int) -> int:
    # This worker runs the queue `orders` alone, and reaches every configured queue.
    mails = ctx["task_queues"].get("mails")
    await mails.enqueue("send_mail", text=f"Order {number} is on its way")
    waiting = await mails.info(jobs=True)
    return len(waiting["jobs"])


async def send_mail(ctx: dict[str, Any], *, text: str) -> str:
    return f"sent: {text}"


redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")
orders = QueueConfig(name="orders", dsn=redis_url, tasks=[take_order])
mails = QueueConfig(name="mails", dsn=redis_url, tasks=[send_mail])
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[orders, mails]))])
