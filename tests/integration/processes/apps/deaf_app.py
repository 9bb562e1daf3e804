"""A worker beside which something runs that loses its cancellation, as some libraries do."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

tasks: set[asyncio.Task[None]] = set()


async def deaf() -> None:
    for _ in range(int(os.environ["LOST"])):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def startup(_ctx: Any) -> None:
    tasks.add(asyncio.create_task(deaf(), name="deaf"))
    await asyncio.sleep(0)  # it is under way
    if "FAILS" in os.environ:
        raise RuntimeError("no start")


async def nothing(_ctx: Any) -> None: ...


queue = QueueConfig(dsn=os.environ["DSN"], name=f"a-{os.environ['RUN']}", tasks=[nothing], startup=startup)
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[queue]))])
