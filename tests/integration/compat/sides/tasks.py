"""What the workers of every side run; it knows SAQ's context and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FOLDER"])
TICK_S = 2


def record(log: str, **fields: Any) -> None:
    """Append what happened, for the test to read."""
    with (FOLDER / f"{log}.jsonl").open("a") as file:
        file.write(json.dumps({"side": os.environ["SIDE"], "at": time.time(), **fields}) + "\n")


async def released(key: str) -> None:
    """Wait until the test lets a job go on."""
    while not (FOLDER / f"{key}.release").exists():
        await asyncio.sleep(0.02)


async def add(_ctx: Any, *, a: int, b: int) -> int:
    return a + b


async def echo(_ctx: Any, **kwargs: Any) -> dict[str, Any]:
    return kwargs


def threaded(_ctx: Any, *, text: str) -> str:
    return text.upper()


async def show_job(ctx: Any) -> dict[str, Any]:
    """Return what the worker knows of its job."""
    job = ctx["job"]
    names = ("timeout", "heartbeat", "retries", "ttl", "retry_delay", "priority", "group_key", "meta", "attempts")
    return {name: getattr(job, name) for name in names}


async def succeed_at(ctx: Any, *, attempt: int) -> int:
    job = ctx["job"]
    record(job.key, attempt=job.attempts)
    if job.attempts < attempt:
        raise ValueError(f"not before attempt {attempt}")
    return int(job.attempts)


async def hold(ctx: Any) -> str:
    job = ctx["job"]
    record(job.key, event="started", attempt=job.attempts)
    try:
        await released(job.key)
    except asyncio.CancelledError:
        record(job.key, event="cancelled")
        raise
    record(job.key, event="finished")
    return "held"


async def advance(ctx: Any) -> str:
    """Tell progress and metadata, then wait."""
    job = ctx["job"]
    await job.update(progress=0.5, meta={**job.meta, "step": "half way"})
    await released(job.key)
    return str(job.meta.get("step"))


async def take_turn(_ctx: Any, *, name: str, log: str) -> None:
    """Be there long enough to be seen beside another."""
    record(log, name=name, event="in")
    await asyncio.sleep(0.2)
    record(log, name=name, event="out")


async def tick(ctx: Any) -> None:
    record("tick", key=ctx["job"].key, due=ctx["job"].scheduled)


FUNCTIONS = [add, echo, threaded, show_job, succeed_at, hold, advance, take_turn]
