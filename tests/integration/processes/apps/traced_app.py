"""An API and two queues, a and b, whose spans, metrics and logs go to an OTLP receiver."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Sequence
from typing import Any

from events import emit, released
from litestar import Litestar, post
from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from litestar_saq import CronJob, Job, QueueConfig, SAQConfig, SAQPlugin, TaskQueues
from litestar_saq.telemetry import OtelOptions

RUN = os.environ["RUN"]
NEVER_MS = 3_600_000
"""Nothing is exported by the clock: what arrives was flushed."""

if method := os.environ.get("METHOD"):
    multiprocessing.set_start_method(method, force=True)


def set_up(queues: Sequence[str]) -> None:
    """Set the SDK up in this process."""
    emit("set up", queues=list(queues))
    letters = "+".join(name[0] for name in queues)
    resource = Resource.create({"service.name": f"worker-{letters}" if queues else "api"})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=NEVER_MS))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=NEVER_MS)
    metrics.set_meter_provider(MeterProvider([reader], resource=resource, shutdown_on_exit=False))


def queue_name(letter: str) -> str:
    return f"{letter}-{RUN}"


async def first(ctx: Any, *, secret: str = "") -> None:
    logging.getLogger("app").info("in the first job")
    await ctx["task_queues"].get(queue_name("b")).enqueue("second", secret=secret)


def second(_ctx: Any, *, secret: str = "") -> int:
    with trace.get_tracer("app").start_as_current_span("own work"):
        return len(secret)


async def fail(_ctx: Any, *, secret: str = "") -> None:
    raise LookupError("on purpose")


async def held(_ctx: Any, *, secret: str = "") -> None:
    emit("held")
    await released()


async def tick(_ctx: Any) -> None:
    emit("tick")


@post("/first", status_code=202)
async def start_first(task_queues: TaskQueues, secret: str) -> None:
    await task_queues.get(queue_name("a")).enqueue("first", secret=secret)


@post("/operations", status_code=202)
async def start_operations(task_queues: TaskQueues, secret: str) -> None:
    """Do each operation once."""
    queue: Any = task_queues.get(queue_name("b"))
    await queue.apply("second", secret=secret, poll_interval=0.05)
    await queue.map("second", [{"secret": secret}, {"secret": secret}], poll_interval=0.05)
    await queue.enqueue_many([Job("second", kwargs={"secret": secret}), Job("second")])
    await queue.enqueue("fail", secret=secret, retries=2)
    await queue.enqueue("second", key=f"same-{RUN}", scheduled=4_000_000_000)
    await queue.enqueue("second", key=f"same-{RUN}", scheduled=4_000_000_000)
    job = await queue.enqueue("held", secret=secret, timeout=0)
    while (await queue.job(job.key)).status != "active":
        await asyncio.sleep(0.02)
    await job.abort("enough")


def queue_config(letter: str) -> QueueConfig:
    return QueueConfig(
        name=queue_name(letter),
        dsn=os.environ["DSN"],
        tasks=[first, second, fail, held],
        scheduled_tasks=[CronJob(tick, "* * * * * *")] if os.environ.get("CRON") == letter else [],
        shutdown_grace_period_s=30,
        burst=letter in os.environ.get("BURST", ""),
        dequeue_timeout=1 if letter in os.environ.get("BURST", "") else 0,
        multiprocessing_mode="threading" if "THREADS" in os.environ else "multiprocessing",
    )


config = SAQConfig(
    queue_configs=[queue_config(letter) for letter in "ab"],
    otel_setup=set_up,
    otel_options=OtelOptions(flush_timeout_s=float(os.environ.get("FLUSH", "30"))),
    use_server_lifespan="SERVE" in os.environ,
)
app = Litestar(
    [start_first, start_operations],
    plugins=[SAQPlugin(config), OpenTelemetryPlugin(OpenTelemetryConfig(exclude_spans=["receive", "send"]))],
)
