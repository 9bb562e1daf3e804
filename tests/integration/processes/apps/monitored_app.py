"""Jobs that last longer than their heartbeat, monitored and not."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from typing import Any

from events import emit, released, released_in_thread
from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, monitored_job

BLOCKS_S = float(os.environ.get("BLOCKS", "0"))
MODE: Any = os.environ.get("MODE", "multiprocessing")
if method := os.environ.get("METHOD"):
    multiprocessing.set_start_method(method, force=True)


@monitored_job()
async def monitored(_ctx: Any, *, secret: str) -> bool:
    await released()
    return bool(secret)


@monitored_job()
def monitored_in_thread(_ctx: Any, *, secret: str) -> bool:
    released_in_thread()
    return bool(secret)


@monitored_job(interval=0.5)
async def at_an_interval(_ctx: Any, *, secret: str) -> bool:
    await released()
    return bool(secret)


async def unmonitored(_ctx: Any, *, secret: str) -> None:
    await asyncio.Event().wait()


@monitored_job(interval=0.01)
async def busy(ctx: Any, *, secret: str) -> bool:
    emit("started", job=ctx["job"].key)
    await released()
    return bool(secret)


@monitored_job(interval=0.1)
async def blocking(ctx: Any, *, secret: str) -> bool:
    emit("started", job=ctx["job"].key)
    time.sleep(BLOCKS_S)  # noqa: ASYNC251 - a loop that is blocked is what is looked at
    emit("woke")
    return bool(secret)


def queue_config(letter: str) -> QueueConfig:
    return QueueConfig(
        name=f"{letter}-{os.environ['RUN']}",
        dsn=os.environ["DSN"],
        tasks=[monitored, monitored_in_thread, at_an_interval, unmonitored, busy, blocking],
        timers={"sweep": 1},
        multiprocessing_mode=MODE,
        separate_process="IN_LOOP" not in os.environ,
        concurrency=int(os.environ.get("CONCURRENCY", "10")),
    )


config = SAQConfig(queue_configs=[queue_config(letter) for letter in "ab"], use_server_lifespan=True)
app = Litestar(plugins=[SAQPlugin(config)])
