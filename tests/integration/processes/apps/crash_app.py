"""Jobs that tell when they begin and end, on a worker that is killed."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from events import emit, released
from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

SECONDS = float(os.environ.get("SECONDS", "0.1"))


async def nap(ctx: Any, *, secret: str, held: bool) -> bool:
    emit("started", job=ctx["job"].key)
    if held:
        await released()
    await asyncio.sleep(SECONDS)
    emit("finished", job=ctx["job"].key)
    return bool(secret)


queue = QueueConfig(dsn=os.environ["DSN"], name=f"a-{os.environ['RUN']}", tasks=[nap], concurrency=10)
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[queue]))])
