"""Spans of jobs, printed; TRACES=off turns them off.

litestar --app-dir=examples/ --app tracing:app workers run
"""

import os
from typing import Any

from litestar import Litestar
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)


async def measure(ctx: dict[str, Any], *, word: str) -> int:
    # A span of the task's own is a child of the job's.
    with trace.get_tracer("tracing").start_as_current_span("count letters"):
        return len(word)


redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")
queue = QueueConfig(name="traced", dsn=redis_url, tasks=[measure])
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[queue], enable_otel=os.getenv("TRACES") != "off"))])
