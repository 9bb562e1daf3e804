"""OpenTelemetry's standard instrumentor for programs on plain SAQ: `opentelemetry-instrument python worker.py`."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # it has no types
from saq.queue.base import Queue
from saq.worker import Worker

from litestar_saq.telemetry import begin_run
from litestar_saq.telemetry._state import in_cron
from litestar_saq.telemetry.attachment import detach_telemetry, telemetry_of
from litestar_saq.telemetry.job_telemetry import JobTelemetry
from litestar_saq.telemetry.options import OtelOptions
from litestar_saq.telemetry.suppression import upkeep
from litestar_saq.telemetry.wrappers import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from litestar_saq.telemetry.runs import Run

__all__ = ("SAQInstrumentor",)

_RUN = "_litestar_saq_run"


class SAQInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the same
    """Gives telemetry to every queue that is made from now on, and to the workers of SAQ's that run its jobs.

    Queues that the plugin has given its own telemetry, or silenced, keep that. `instrument` takes `tracer_provider`,
    `meter_provider` and `options` (an `OtelOptions`); without providers the global ones are used.
    """

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(self, "_originals"):  # it is a singleton
            self._originals: list[tuple[type, str, Any]] = []
            self._queues: WeakSet[Queue] = WeakSet()
            self._telemetry: JobTelemetry | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what it instruments."""
        return ("saq >= 0.26, < 0.27",)

    def _instrument(self, **kwargs: Any) -> None:
        given = {name: kwargs[name] for name in ("tracer_provider", "meter_provider") if kwargs.get(name) is not None}
        options: OtelOptions = replace(kwargs.get("options") or OtelOptions(), **given)
        telemetry = self._telemetry = JobTelemetry("litestar_saq", options)
        self._patch(Queue, "__init__", lambda plain: _init(plain, telemetry, self._queues))
        self._patch(Worker, "_before_process", _before_process)
        self._patch(Worker, "_after_process", _after_process)
        self._patch(Worker, "schedule", _schedule)
        for name in ("abort", "worker_info"):
            self._patch(Worker, name, _in_upkeep)

    def _uninstrument(self, **_: Any) -> None:
        while self._originals:
            owner, name, plain = self._originals.pop()
            setattr(owner, name, plain)
        for queue in list(self._queues):
            telemetry = telemetry_of(queue)
            if telemetry is not None and telemetry.owner is not self._telemetry:
                continue  # the plugin's, or one that `instrument_queue` gave
            if telemetry is not None:
                detach_telemetry(queue)
            unwrap(queue)
        self._queues.clear()
        self._telemetry = None

    def _patch(self, owner: type, name: str, make: Callable[[Any], Any]) -> None:
        plain = owner.__dict__[name]
        self._originals.append((owner, name, plain))
        setattr(owner, name, wraps(plain)(make(plain)))


def _init(plain: Any, telemetry: JobTelemetry, queues: WeakSet[Queue]) -> Any:
    def init(self: Queue, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        queues.add(self)
        telemetry.instrument(self)

    return init


def _before_process(plain: Any) -> Any:
    async def before(self: Worker[Any], ctx: Any) -> None:
        ctx[_RUN] = begin_run(self.queue, ctx["job"], str(self.id))
        await plain(self, ctx)

    return before


def _after_process(plain: Any) -> Any:
    async def after(self: Worker[Any], ctx: Any) -> None:
        run: Run | None = ctx.pop(_RUN, None)
        try:
            await plain(self, ctx)
        finally:
            if run is not None:
                run.end(ctx.get("exception"))

    return after


def _schedule(plain: Any) -> Any:
    async def schedule(self: Worker[Any], *args: Any, **kwargs: Any) -> None:
        expressions = {one.cron for one in self.cron_jobs}
        # SAQ enqueues all of them in one call: whose turn it is can only be told where there is one expression.
        mark = in_cron.set(expressions.pop() if len(expressions) == 1 else "")
        try:
            with upkeep(self.queue):
                await plain(self, *args, **kwargs)
        finally:
            in_cron.reset(mark)

    return schedule


def _in_upkeep(plain: Any) -> Any:
    async def quietly(self: Worker[Any], *args: Any, **kwargs: Any) -> Any:
        if telemetry_of(self.queue) is None:
            return await plain(self, *args, **kwargs)
        with upkeep(self.queue):
            return await plain(self, *args, **kwargs)

    return quietly
