"""Job queues for Litestar on SAQ: Redis, Postgres and HTTP brokers, worker processes, traces."""

from __future__ import annotations

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
