"""Hooks, contexts, cron jobs and timers that tell of themselves."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from events import emit
from litestar import Litestar

from litestar_saq import (
    CronJob,
    QueueConfig,
    SAQConfig,
    SAQPlugin,
    after_process_logger,
    before_process_logger,
    shutdown_logger,
    startup_logger,
    timing_after_process,
    timing_before_process,
)

ZONE = ZoneInfo("Pacific/Kiritimati")
"""Fourteen hours ahead of UTC, so no hour of the day is the same in both."""


def describe(ctx: Any) -> dict[str, Any]:
    return {
        "keys": sorted(key for key in ctx if not key.startswith("_")),
        "worker": ctx["worker_id"] == ctx["worker"].id and ctx["worker"].queue is ctx["queue"],
        "queues": ctx["task_queues"].get(ctx["queue"].name) is ctx["queue"],
        "job": ctx["job"].key if "job" in ctx else None,
    }


def hook(name: str) -> Any:
    async def tell(ctx: Any) -> None:
        emit("hook", name=name, **describe(ctx))

    return tell


def hook_in_thread(name: str) -> Any:
    def tell(ctx: Any) -> None:
        emit("hook", name=name, **describe(ctx))

    return tell


async def work(ctx: Any, *, secret: str) -> int:
    emit("hook", name="job", **describe(ctx))
    return len(secret)


async def fail(ctx: Any, *, secret: str) -> None:
    emit("hook", name="job", **describe(ctx))
    raise ValueError(len(secret))


async def tell_exception(ctx: Any) -> None:
    emit("outcome", job=ctx["job"].key, status=ctx["job"].status, exception=type(ctx.get("exception")).__name__)


async def tick(ctx: Any, *, kind: str) -> None:
    emit("tick", kind=kind, meta=ctx["job"].meta, key=ctx["job"].key)


soon = datetime.now(ZONE) + timedelta(hours=2)
hooks = QueueConfig(
    name=f"a-{os.environ['RUN']}",
    id=f"worker-{os.environ['RUN']}",
    dsn=os.environ["DSN"],
    tasks=[work, ("by-name", work), "hooks_app.fail"],
    startup=[startup_logger, hook("startup"), hook_in_thread("startup, threaded")],
    before_process=[before_process_logger, timing_before_process, hook("before")],
    after_process=[hook_in_thread("after, threaded"), tell_exception, timing_after_process, after_process_logger],
    shutdown=[hook("shutdown"), hook_in_thread("shutdown, threaded"), shutdown_logger],
    timers={"worker_info": 300, "sweep": 300},
    metadata={"team": "reports"},
)
cron = QueueConfig(
    name=f"b-{os.environ['RUN']}",
    dsn=os.environ["DSN"],
    cron_tz=ZONE,
    scheduled_tasks=[
        CronJob(function=tick, cron="* * * * * */1", kwargs={"kind": "every second"}, meta={"origin": "first"}),
        CronJob(function="hooks_app.tick", cron="* * * * * */2", kwargs={"kind": "every other second"}),
        CronJob(function=work, cron=f"{soon.minute} {soon.hour} * * *", kwargs={"secret": "x"}),
    ],
)
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[hooks, cron]))])
EXPECTED = soon.replace(second=0, microsecond=0).astimezone(UTC)
emit("expected", at_s=int(EXPECTED.timestamp()))
