"""Two queues whose brokers are given one by one."""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, cli

cli.STATUS_TIMEOUT_S = float(os.environ.get("STATUS_TIMEOUT", "60"))


async def quick(_ctx: Any, *, secret: str) -> int:
    return len(secret)


configs = [
    QueueConfig(
        name=f"{letter}-{os.environ['RUN']}",
        dsn=os.environ.get(f"DSN_{letter}", os.environ["DSN"]),
        broker_instance_options={"socket_timeout": 60, "socket_connect_timeout": 60},
        tasks=[quick],
    )
    for letter in "ab"
]
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=configs))])
