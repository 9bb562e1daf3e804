"""Two queues, a and b, set by the environment; the jobs tell what they do."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import sys
from typing import Any

from events import emit, released, released_in_thread
from litestar import Litestar, get

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, TaskQueues, shutdown_logger, startup_logger

RUN = os.environ["RUN"]
GRACE_S = int(os.environ.get("GRACE", "60"))

if "COLLECTS_AFTER" in os.environ:
    gc.set_threshold(int(os.environ["COLLECTS_AFTER"]))
if method := os.environ.get("METHOD"):
    multiprocessing.set_start_method(method, force=True)


async def quick(ctx: Any, *, secret: str = "") -> str:
    emit("started", job=ctx["job"].key, attempt=ctx["job"].attempts, queue=ctx["queue"].name)
    return f"quick {len(secret)}"


async def held(ctx: Any, *, secret: str = "") -> str:
    job = ctx["job"]
    emit("started", job=job.key, attempt=job.attempts, queue=ctx["queue"].name)
    try:
        await released()
    except asyncio.CancelledError:
        emit("cancelled", job=job.key)
        raise
    emit("finished", job=job.key)
    return f"held {len(secret)}"


def held_in_thread(ctx: Any, *, secret: str = "") -> str:
    job = ctx["job"]
    emit("started", job=job.key, attempt=job.attempts, queue=ctx["queue"].name)
    released_in_thread()
    emit("finished", job=job.key)
    return f"held in a thread {len(secret)}"


async def waits_for_a_thread(ctx: Any, *, secret: str = "") -> str:
    return await asyncio.to_thread(held_in_thread, ctx, secret=secret)


async def surroundings(_ctx: Any, *, secret: str = "") -> dict[str, Any]:
    """Return what the job runs on."""
    loop = type(asyncio.get_running_loop()).__module__
    return {"loop": loop, "frozen": gc.get_freeze_count() > 0, "collects_after": gc.get_threshold()[0], "": len(secret)}


async def leave(_ctx: Any, *, code: int, secret: str = "") -> None:
    emit("leaving", code=code, known=len(secret))
    sys.exit(code)


async def startup(ctx: Any) -> None:
    emit("startup", queue=ctx["queue"].name)
    if ctx["queue"].name == os.environ.get("FAILING_STARTUP"):
        raise LookupError("the startup hook has failed")


async def shutdown(ctx: Any) -> None:
    emit("shutdown", queue=ctx["queue"].name)


@get("/quick/{letter:str}")
async def run_quick(letter: str, task_queues: TaskQueues, secret: str) -> str:
    return str(await task_queues.get(f"{letter}-{RUN}").apply("quick", secret=secret, timeout=60))


@get("/held")
async def answer_held() -> str:
    emit("request")
    await released()
    return "released"


def queue_config(letter: str) -> QueueConfig:
    return QueueConfig(
        name=f"{letter}-{RUN}",
        dsn=os.environ["DSN"],
        tasks=[quick, held, held_in_thread, waits_for_a_thread, surroundings, leave],
        startup=[startup_logger, startup],
        shutdown=[shutdown, shutdown_logger],
        shutdown_grace_period_s=GRACE_S,
        multiprocessing_mode="threading" if letter in os.environ.get("THREADS", "") else "multiprocessing",
        separate_process=letter not in os.environ.get("IN_LOOP", ""),
        burst=letter in os.environ.get("BURST", ""),
        dequeue_timeout=1 if letter in os.environ.get("BURST", "") else 0,
    )


if "HOLD_IMPORT" in os.environ and multiprocessing.parent_process() is not None:
    emit("importing")
    released_in_thread()
config = SAQConfig(
    queue_configs=[queue_config(letter) for letter in "ab"],
    worker_processes=int(os.environ.get("PROCESSES", "1")),
    use_server_lifespan="SERVE" in os.environ,
    health_dir=os.environ.get("HEALTH"),
)
app = Litestar([run_quick, answer_held], plugins=[SAQPlugin(config)])
