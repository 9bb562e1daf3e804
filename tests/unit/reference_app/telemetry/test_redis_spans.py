from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reference_app.telemetry.redis_spans import PipelineNames


@pytest.mark.parametrize(
    ("scope", "name", "shown"),
    [
        ("opentelemetry.instrumentation.redis", "HSET EXPIREAT " * 1000, "HSET EXPIREAT"),
        ("opentelemetry.instrumentation.redis", "GET", "GET"),
        ("another", "a span a span", "a span a span"),
    ],
)
def test_a_pipeline_is_named_by_its_different_commands(scope: str, name: str, shown: str) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(PipelineNames())
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    provider.get_tracer(scope).start_span(name).end()

    assert [span.name for span in exporter.get_finished_spans()] == [shown]
