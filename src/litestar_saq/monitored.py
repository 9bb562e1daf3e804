"""Jobs that tell the broker that they are alive."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import suppress
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from saq.worker import ensure_coroutine_function

from litestar_saq.brokers.base import broker_of
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from saq.job import Job
    from saq.types import Context

__all__ = ("monitored_job",)

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

DEFAULT_INTERVAL_S = 5.0
"""Seconds between beats of a job that has no `heartbeat`."""
LAST_BEAT_S = 5.0
"""Seconds that a job which has ended waits for a beat under way."""


class Monitor(Protocol):
    """The decorator that `monitored_job` returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...


def monitored_job(interval: float | None = None) -> Monitor:
    """Make a task tell the broker, again and again, that it is alive.

    A job with a `heartbeat` is swept as stuck when it has not been heard of for that many seconds. A monitored job
    is heard of for as long as its function runs, wherever its worker runs: under `workers run`, in the server's
    lifespan, in a thread. A beat changes the stored job's `touched` and nothing else, and nothing at all once the
    job has finished, was aborted or swept.

    What a beat says: for an asynchronous task, that its event loop still turns. A task that blocks the loop sends
    none, so it is swept once its `heartbeat` has passed, and so are the other monitored jobs of that worker. A
    synchronous task runs in a thread, and its beats come from the worker's loop beside it: they say that the worker
    lives and the thread has not returned, not that the thread gets anywhere. Neither lifts the job's `timeout`.

    Args:
        interval: seconds between beats; None is half the job's `heartbeat`, or 5 s where it has none.

    Returns:
        A decorator. What it returns is always asynchronous; a synchronous task is run in the worker's threads.

    Raises:
        ValueError: where `interval` is not above 0.
    """
    if interval is not None and (
        isinstance(interval, bool) or not isinstance(interval, int | float) or not interval > 0
    ):
        raise ValueError(f"monitored_job(interval={interval!r}) is not accepted: seconds above 0, or None")

    def decorate(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
        @wraps(function)
        async def monitored(ctx: Context, *args: Any, **kwargs: Any) -> Any:
            call = _asynchronous(function, ctx)
            job = ctx.get("job")
            if job is None or job.queue is None:
                return await call(ctx, *args, **kwargs)
            beats = asyncio.create_task(_beat(job, interval or interval_of(job)))
            try:
                return await call(ctx, *args, **kwargs)
            finally:
                beats.cancel()
                await asyncio.wait({beats})

        return monitored

    return cast("Monitor", decorate)


def interval_of(job: Job) -> float:
    """Return the seconds between beats of a job: half its `heartbeat`, or 5."""
    return job.heartbeat / 2 if job.heartbeat else DEFAULT_INTERVAL_S


def _asynchronous(function: Callable[..., Any], ctx: Context) -> Callable[..., Coroutine[Any, Any, Any]]:
    if inspect.iscoroutinefunction(function):
        return function
    pool = ctx["worker"].pool if "worker" in ctx else None
    return ensure_coroutine_function(function, pool) if pool else partial(asyncio.to_thread, function)


async def _beat(job: Job, interval_s: float) -> None:
    queue = job.get_queue()
    failing = False
    while True:
        await asyncio.sleep(interval_s)
        with quiet(queue):
            beat = asyncio.ensure_future(broker_of(queue).touch(queue, job))
        try:
            alive = await asyncio.shield(beat)
        except asyncio.CancelledError:
            # A request to a proxy can't be taken back: one that was written after the job's end would undo that.
            with suppress(Exception):
                async with asyncio.timeout(LAST_BEAT_S):
                    await beat
            raise
        except Exception as error:  # noqa: BLE001 - a beat that fails must not fail its job; the next may pass
            if not failing:
                logger.warning("no heartbeat of job %s: %s", job.key, type(error).__name__)
            failing = True
            continue
        failing = False
        if not alive:
            logger.warning("job %s is not active any more, its heartbeat ends", job.key)
            return
