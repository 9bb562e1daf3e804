"""A program on plain SAQ that knows nothing of telemetry: `send` enqueues, `work` runs until it is told to end."""

import asyncio
import os
import sys
from typing import Any

from saq import Queue, Worker


async def first(ctx: dict[str, Any]) -> None:
    await ctx["worker"].queue.enqueue("second", n=2)


def second(_ctx: dict[str, Any], *, n: int) -> int:
    return n * n


async def fail(ctx: dict[str, Any]) -> None:
    if ctx["job"].attempts == 1:
        raise LookupError("on purpose")


async def run(role: str) -> None:
    queue = Queue.from_url(os.environ["REDIS_URL"], name=os.environ["QUEUE"])
    await queue.connect()
    if role == "send":
        for function in ("first", "fail"):
            await queue.enqueue(function, retries=2)
    else:
        # SAQ's sweep takes a job that was only just fetched for a stuck one; the lock is held a while.
        await queue.sweep(lock=600)
        # Where the client loses the cancellation of an upkeep, SAQ's worker ends a whole interval later.
        timers: Any = {"worker_info": 1, "sweep": 1}
        functions: list[Any] = [first, second, fail]
        await Worker(queue, functions, timers=timers).start()
    await queue.disconnect()


asyncio.run(run(sys.argv[1]))
