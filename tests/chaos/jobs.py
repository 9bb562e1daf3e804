"""The application whose workers are killed."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from litestar import Litestar

import tests.chaos.clock
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from tests.chaos.history import History

tests.chaos.clock.skew(float(os.environ["CHAOS_SKEW_S"]))
history = History(Path(os.environ["CHAOS_HISTORY"]))


async def work(ctx: Any, *, seconds: float, blocks: float = 0.0) -> None:
    key = ctx["job"].key
    history.tell("started", job=key)
    if blocks:
        time.sleep(blocks)  # noqa: ASYNC251 - a loop that is blocked is one of the faults
    await asyncio.sleep(seconds)
    history.tell("finished", job=key)


queue = QueueConfig(
    dsn=os.environ["CHAOS_DSN"],
    name="chaos",
    tasks=[work],
    concurrency=10,
    shutdown_grace_period_s=2,
    timers={"sweep": 5},
)
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[queue]))])
