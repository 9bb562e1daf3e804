"""A worker of SAQ without a framework: `saq saq_worker.settings`."""

from __future__ import annotations

import os

from saq import CronJob, Queue
from tasks import FUNCTIONS, TICK_S, tick

settings = {
    "queue": Queue.from_url(os.environ["DSN"], name=os.environ["QUEUE"]),
    "functions": FUNCTIONS,
    "concurrency": int(os.environ.get("CONCURRENCY", "10")),
    "cron_jobs": [CronJob(tick, cron=f"* * * * * */{TICK_S}", ttl=-1)] if "CRON" in os.environ else [],
    "metadata": {"side": os.environ["SIDE"]},
    "timers": {"schedule": 1, "worker_info": 1, "abort": 1},
}
