"""One measurement, in a process of its own: many jobs are enqueued, or drained by one worker."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from litestar import Litestar
from saq import Queue
from saq import Worker as StockWorker

from benchmarks.providers import Providers
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.telemetry import OtelOptions

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("STEPS", "VARIANTS", "Measured", "Task", "measure")

Step: TypeAlias = Literal["enqueue", "drain"]
Variant: TypeAlias = Literal["off", "dropped", "exported", "stock"]

STEPS: tuple[Step, ...] = ("enqueue", "drain")
VARIANTS: dict[Variant, str] = {
    "off": "telemetry off",
    "dropped": "on, spans dropped by the exporter",
    "exported": "on, exported by OTLP/HTTP",
    "stock": "stock saq.Worker, for reference",
}
CONCURRENCY = 10
AT_ONCE = 100
"""How many jobs are enqueued at a time."""
WARM_UP = 100
"""Jobs that come first and are not measured: connections and scripts are made with them."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process measures."""

    step: Step
    variant: Variant
    jobs: int
    """How many are measured; `WARM_UP` more go before them."""
    redis_url: str
    queue: str
    endpoint: str
    """Of the OTLP receiver."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What it measured."""

    wall_s: float
    """From the first measured job to the last one."""
    cpu_s: float
    """The process' own, from the first measured job until everything is exported."""
    spans: int
    """How many were exported, those of the warm-up included."""


def measure(text: str) -> None:
    """Measure what a `Task` as JSON asks for; print the `Measured` as JSON."""
    print(json.dumps(asdict(asyncio.run(_measure(Task(**json.loads(text)))))))  # noqa: T201 - the answer


async def _measure(task: Task) -> Measured:
    providers = Providers(task.endpoint if task.variant == "exported" else None)
    if task.variant == "stock":
        queue: Any = Queue.from_url(task.redis_url, name=task.queue)
        worker: Any = StockWorker(queue, [no_op], concurrency=CONCURRENCY, after_process=_after)
    else:
        plugin = SAQPlugin(_config(task, providers))
        Litestar(plugins=[plugin], logging_config=None)
        queue = plugin.get_queue(task.queue)
        worker = plugin.make_worker(task.queue)[0]
    await queue.connect()
    clock = Clock(providers)
    if task.step == "enqueue":
        await _enqueue(queue, WARM_UP)
        clock.start()
        await _enqueue(queue, task.jobs)
        clock.stop()
    else:
        # SAQ makes the event anew at the start.
        worker.context["count"] = _counter(clock, task.jobs, lambda: worker.event.set())  # noqa: PLW0108
        await worker.start()
    await queue.disconnect()
    return clock.read()


def _config(task: Task, providers: Providers) -> SAQConfig:
    return SAQConfig(
        queue_configs=[
            QueueConfig(
                dsn=task.redis_url, name=task.queue, tasks=[no_op], concurrency=CONCURRENCY, after_process=_after
            )
        ],
        enable_otel=task.variant != "off",
        otel_options=OtelOptions(tracer_provider=providers.tracer, meter_provider=providers.meter),
    )


async def no_op(_ctx: Any) -> None:
    """Do nothing: what is left is the queue's own cost."""


async def _enqueue(queue: Any, jobs: int) -> None:
    for begin in range(0, jobs, AT_ONCE):
        await asyncio.gather(*(queue.enqueue("no_op") for _ in range(min(AT_ONCE, jobs - begin))))


async def _after(ctx: Any) -> None:
    ctx["count"]()


def _counter(clock: Clock, jobs: int, end: Callable[[], None]) -> Callable[[], None]:
    """Return what is called after each job, and ends the worker with the last."""
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done == WARM_UP:
            clock.start()
        elif done == WARM_UP + jobs:
            clock.stop()
            end()

    return count


class Clock:
    """Tells how long something took, and how much of the processor's time."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._wall_s = self._cpu_s = self._took_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """End, as far as time goes."""
        self._took_s = time.perf_counter() - self._wall_s

    def read(self) -> Measured:
        """Export what is left, which is part of the cost, and tell."""
        self._providers.flush()
        return Measured(
            wall_s=self._took_s, cpu_s=time.process_time() - self._cpu_s, spans=self._providers.exported_spans
        )
