"""What the running code is doing, as far as telemetry must know."""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from saq.job import Job

    from litestar_saq.telemetry.options import Propagation

__all__ = ("current_run", "forks", "harmless", "in_cron", "in_upkeep", "override", "sending", "swept_jobs", "waiting")

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

in_cron: ContextVar[str | None] = ContextVar("litestar_saq_cron", default=None)
"""The expression of the cron job that is being enqueued: such a job has no request that caused it."""
in_upkeep: ContextVar[bool] = ContextVar("litestar_saq_upkeep", default=False)
"""Whether a worker does what it does beside its jobs."""
current_run: ContextVar[Any] = ContextVar("litestar_saq_run", default=None)
"""The run whose job this task writes the outcome of (a `Run`)."""
waiting: ContextVar[Context | None] = ContextVar("litestar_saq_waiting", default=None)
"""The context of the `apply` or `map` that is enqueueing: what it polls is not traced, what it enqueues is."""
sending: ContextVar[Literal["inject", "keep"] | None] = ContextVar("litestar_saq_sending", default=None)
"""What a job that is enqueued gets: the context of the current span, or what it has. None: that is to be found out."""
swept_jobs: ContextVar[list[Job] | None] = ContextVar("litestar_saq_swept", default=None)
"""The jobs that the running sweep has dealt with."""
override: ContextVar[Propagation | None] = ContextVar("litestar_saq_propagation", default=None)
"""The propagation that was asked for where a job is enqueued."""

_told: set[str] = set()


class _Forks:
    """How often this process was forked from one that had loaded this module: `os.getpid` is a call of the kernel."""

    count = 0

    @classmethod
    def note(cls) -> None:
        cls.count += 1


forks = _Forks
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forks.note)


def harmless(step: Callable[P, R]) -> Callable[P, R | None]:
    """Keep what fails in telemetry from failing a job: it is logged, once for each kind, and None is returned."""

    @wraps(step)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return step(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - a foreign sampler, propagator or processor may raise anything
            where = f"{step.__qualname__}: {type(error).__name__}"
            logger.log(logging.DEBUG if where in _told else logging.WARNING, "telemetry failed in %s", where)
            _told.add(where)
            return None

    return guarded
