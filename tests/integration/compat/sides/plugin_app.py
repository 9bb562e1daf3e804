"""An application with SAQPlugin. Litestar SAQ 0.8.0 and ours run it as it is."""

from __future__ import annotations

import os

from litestar import Litestar
from tasks import FUNCTIONS, TICK_S, tick

from litestar_saq import CronJob, QueueConfig, SAQConfig, SAQPlugin

plugin = SAQPlugin(
    SAQConfig(
        queue_configs=[
            QueueConfig(
                dsn=os.environ["DSN"],
                name=os.environ["QUEUE"],
                tasks=FUNCTIONS,
                concurrency=int(os.environ.get("CONCURRENCY", "10")),
                scheduled_tasks=[CronJob(tick, cron=f"* * * * * */{TICK_S}", ttl=-1)] if "CRON" in os.environ else [],
                metadata={"side": os.environ["SIDE"]},
                timers={"schedule": 1, "worker_info": 1, "abort": 1},
            )
        ],
        web_enabled=True,
        web_guards=[],
        enable_otel="SPANS" in os.environ,
    )
)
app = Litestar(plugins=[plugin], openapi_config=None)

if "SPANS" in os.environ:
    from spans import export_to

    export_to(os.environ["SPANS"])
