"""Job queues for Litestar on SAQ: Redis, Postgres and HTTP brokers, worker processes, traces."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar_saq.config import PostgresQueueOptions, QueueConfig, RedisQueueOptions, SAQConfig, TaskQueues
    from litestar_saq.hooks import (
        after_process_logger,
        before_process_logger,
        shutdown_logger,
        startup_logger,
        timing_after_process,
        timing_before_process,
    )
    from litestar_saq.jobs import CronJob, Job
    from litestar_saq.monitored import monitored_job
    from litestar_saq.plugin import SAQPlugin
    from litestar_saq.typing import OPENTELEMETRY_INSTALLED
    from litestar_saq.worker import Worker

__all__ = (
    "OPENTELEMETRY_INSTALLED",
    "CronJob",
    "Job",
    "PostgresQueueOptions",
    "QueueConfig",
    "RedisQueueOptions",
    "SAQConfig",
    "SAQPlugin",
    "TaskQueues",
    "Worker",
    "after_process_logger",
    "before_process_logger",
    "monitored_job",
    "shutdown_logger",
    "startup_logger",
    "timing_after_process",
    "timing_before_process",
)

# Loaded when asked for: a plain SAQ program that is instrumented loads no application framework.
_MODULES = {
    "config": ("PostgresQueueOptions", "QueueConfig", "RedisQueueOptions", "SAQConfig", "TaskQueues"),
    "hooks": (
        *("after_process_logger", "before_process_logger", "shutdown_logger", "startup_logger"),
        *("timing_after_process", "timing_before_process"),
    ),
    "jobs": ("CronJob", "Job"),
    "monitored": ("monitored_job",),
    "plugin": ("SAQPlugin",),
    "typing": ("OPENTELEMETRY_INSTALLED",),
    "worker": ("Worker",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            globals()[name] = value = getattr(import_module(f"litestar_saq.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
