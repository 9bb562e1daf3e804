"""Two queues whose brokers are given one by one."""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin


async def quick(_ctx: Any, *, secret: str) -> int:
    return len(secret)


configs = [
    QueueConfig(
        name=f"{letter}-{os.environ['RUN']}", dsn=os.environ.get(f"DSN_{letter}", os.environ["DSN"]), tasks=[quick]
    )
    for letter in "ab"
]
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=configs))])
