"""Jobs on queue a that reach queue b, and a queue that is configured nowhere."""

from __future__ import annotations

import os
from typing import Any

import saq
from events import emit
from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

RUN, DSN = os.environ["RUN"], os.environ["DSN"]
MODE: Any = os.environ.get("MODE", "multiprocessing")


async def increment(_ctx: Any, *, n: int) -> int:
    emit("incremented", n=n)
    return n + 1


async def reach(ctx: Any, *, secret: str) -> dict[str, Any]:
    other = ctx["task_queues"].get(f"b-{RUN}")
    left = await other.enqueue("increment", n=40, scheduled=4102444800)
    info = await other.info(jobs=True)
    return {
        "left": left.key,
        "info": [info["name"], info["scheduled"], len(info["jobs"])],
        "apply": await other.apply("increment", n=1, timeout=60),
        "map": await other.map("increment", [{"n": 10}, {"n": 20}], timeout=60),
        "own": (await ctx["queue"].info())["active"],
        "names": sorted(ctx["task_queues"].queues),
        "plugin": plugin.get_queue(f"b-{RUN}") is other,
        "known": bool(secret),
    }


async def unconfigured(_ctx: Any, *, secret: str) -> str | None:
    queue = saq.Queue.from_url(DSN, name=f"c-{RUN}")
    await queue.connect()
    try:
        job = await queue.enqueue("elsewhere", secret=secret)
        return job.key if job else None
    finally:
        await queue.disconnect()


async def unknown(ctx: Any, *, secret: str) -> str:
    try:
        ctx["task_queues"].get("nosuch")
    except Exception as error:  # noqa: BLE001 - which one is what the test asks
        return f"{type(error).__name__}: {error} {bool(secret)}"
    return "found"


def in_thread(ctx: Any, *, secret: str) -> list[Any]:
    return [sorted(ctx["task_queues"].queues), ctx["job"].function, bool(secret)]


async def nested(ctx: Any, *, secret: str) -> Any:
    # A job waits for another of its own queue and worker.
    return await ctx["queue"].apply("unknown", secret=secret, timeout=60)


plugin = SAQPlugin(
    SAQConfig(
        queue_configs=lambda: [
            QueueConfig(
                name=f"a-{RUN}",
                dsn=DSN,
                tasks=[reach, unconfigured, unknown, in_thread, nested],
                multiprocessing_mode=MODE,
                separate_process="IN_LOOP" not in os.environ,
            ),
            QueueConfig(
                name=f"b-{RUN}",
                dsn=DSN,
                tasks=[increment],
                multiprocessing_mode=MODE,
                separate_process="IN_LOOP" not in os.environ,
            ),
        ]
    )
)
app = Litestar(plugins=[plugin])
