"""The SDK set up in each process, options, and a queue that the plugin does not know.

litestar --app-dir=examples/ --app otel_options:app workers run
"""

import os
from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from saq import Queue

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.telemetry import OtelOptions, instrument_queue, propagation

redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")


def set_up(queues: Sequence[str]) -> None:
    # Called in each process, before its workers start; in the server `queues` is empty.
    service = f"worker-{'-'.join(queues)}" if queues else "api"
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(provider)


async def pass_on(ctx: dict[str, Any]) -> None:
    elsewhere = instrument_queue(Queue.from_url(redis_url, name="elsewhere"))
    await elsewhere.enqueue("work")  # in this job's trace
    with propagation("link"):
        await elsewhere.enqueue("work")  # a trace of its own, with a link to this one
    await elsewhere.disconnect()


config = SAQConfig(
    queue_configs=[QueueConfig(name="first", dsn=redis_url, tasks=[pass_on])],
    enable_otel=True,
    otel_setup=set_up,
    otel_options=OtelOptions(span_naming="function", max_parent_delay_s=3600),
)
app = Litestar(plugins=[SAQPlugin(config)])
