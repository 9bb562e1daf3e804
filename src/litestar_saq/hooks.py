"""Hooks for logging and timing, ready to use.

Each runs in the worker's process and takes the context: `worker`, `worker_id`, `queue`, `task_queues`, and around a
job `job`. None logs a job's arguments.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from saq.types import Context

__all__ = (
    "after_process_logger",
    "before_process_logger",
    "shutdown_logger",
    "startup_logger",
    "timing_after_process",
    "timing_before_process",
)

logger = logging.getLogger(__name__)
_STARTED = "_timing_start"


def _worker(ctx: Context) -> dict[str, Any]:
    context = cast("dict[str, Any]", ctx)
    queue = getattr(context.get("queue"), "name", None) or getattr(
        getattr(context.get("worker"), "queue", None), "name", "unknown"
    )
    worker_id = context.get("worker_id") or getattr(context.get("worker"), "id", "unknown")
    return {"worker_id": worker_id, "queue_name": queue}


def _job(ctx: Context) -> dict[str, Any]:
    job = cast("dict[str, Any]", ctx).get("job")
    return {"job_id": getattr(job, "id", "unknown"), "function": getattr(job, "function", "unknown")}


async def startup_logger(ctx: Context) -> None:
    """Log at INFO that the worker starts."""
    logger.info("SAQ worker starting", extra={**_worker(ctx), "event": "worker_startup"})


async def shutdown_logger(ctx: Context) -> None:
    """Log at INFO that the worker ends."""
    logger.info("SAQ worker shutting down", extra={**_worker(ctx), "event": "worker_shutdown"})


async def before_process_logger(ctx: Context) -> None:
    """Log at DEBUG that a job begins."""
    logger.debug("Processing job", extra={**_job(ctx), "event": "job_start"})


async def after_process_logger(ctx: Context) -> None:
    """Log at DEBUG that a job ended, with its status."""
    status = getattr(cast("dict[str, Any]", ctx).get("job"), "status", "unknown")
    logger.debug("Job completed", extra={**_job(ctx), "status": status, "event": "job_complete"})


async def timing_before_process(ctx: Context) -> None:
    """Note when the job began, for `timing_after_process`."""
    cast("dict[str, Any]", ctx)[_STARTED] = time.time()


async def timing_after_process(ctx: Context) -> None:
    """Log at INFO how long the job took, in milliseconds; a warning where `timing_before_process` did not run."""
    started = cast("dict[str, Any]", ctx).get(_STARTED)
    if started is None:
        logger.warning("timing_after_process called without timing_before_process")
        return
    duration_ms = (time.time() - started) * 1000
    logger.info(
        "Job completed in %.2fms", duration_ms, extra={**_job(ctx), "duration_ms": duration_ms, "event": "job_timing"}
    )
