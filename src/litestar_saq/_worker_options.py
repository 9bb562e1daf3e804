"""What a worker is made of, by the configuration of its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar_saq.queue_config import QueueConfig

__all__ = ("worker_options",)


def worker_options(config: QueueConfig) -> dict[str, Any]:
    """Return the arguments of `Worker`, but for what is not of the queue's configuration."""
    timers = dict(config.timers or {})
    if "stats" in timers:
        timers.setdefault("worker_info", timers.pop("stats"))
    optional = {
        "shutdown_grace_period_s": config.shutdown_grace_period_s,
        "cancellation_hard_deadline_s": config.cancellation_hard_deadline_s,
        "poll_interval": config.poll_interval,
        "timers": timers or None,
    }
    return {
        "functions": config.tasks,
        "id": config.id,
        "concurrency": config.concurrency,
        "cron_jobs": config.scheduled_tasks,
        "cron_tz": config.cron_tz,
        "startup": config.startup or None,
        "shutdown": config.shutdown or None,
        "before_process": config.before_process or None,
        "after_process": config.after_process or None,
        "dequeue_timeout": config.dequeue_timeout,
        "burst": config.burst,
        "max_burst_jobs": config.max_burst_jobs,
        "metadata": config.metadata,
        "separate_process": config.separate_process,
        "multiprocessing_mode": config.multiprocessing_mode,
        **{name: value for name, value in optional.items() if value is not None},
    }
