"""Queues with telemetry, and what it tells: spans and metrics kept in memory by OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind
from saq.queue.base import Queue

from litestar_saq import QueueConfig
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.telemetry import OtelOptions
from litestar_saq.telemetry.job_telemetry import JobTelemetry


@dataclass(frozen=True)
class Point:
    """One series of a metric."""

    value: Any
    unit: str
    attributes: dict[str, Any]
    bounds: tuple[float, ...] = ()
    exemplars: tuple[Any, ...] = ()


@dataclass
class Told:
    """What one telemetry has told."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def telemetry(self, **options: Any) -> JobTelemetry:
        given = OtelOptions(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)
        return JobTelemetry(options=replace(given, **options))

    @property
    def all(self) -> list[ReadableSpan]:
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, operation: str) -> list[ReadableSpan]:
        return [span for span in self.all if span.name.partition(" ")[0] == operation]

    async def spans(self, **counts: int) -> list[ReadableSpan]:
        """Wait for spans by their operation; return them in the order asked for, and by their start."""
        async with asyncio.timeout(30):
            while any(len(self.named(name)) < count for name, count in counts.items()):
                await asyncio.sleep(0.02)
        assert {name: len(self.named(name)) for name in counts} == counts
        return [span for name in counts for span in self.named(name)]

    def points(self, name: str) -> list[Point]:
        data = self.reader.get_metrics_data()
        found = []
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        found += [_point(metric.unit, point) for point in metric.data.data_points]
        return found


def _point(unit: str | None, point: Any) -> Point:
    return Point(
        point.count if hasattr(point, "count") else point.value,
        unit or "",
        dict(point.attributes),
        tuple(getattr(point, "explicit_bounds", ())),
        tuple(point.exemplars),
    )


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.context
    assert context is not None
    return context


def linked(span: ReadableSpan) -> list[int]:
    return [link.context.span_id for link in span.links]


def span_id(span: ReadableSpan) -> int:
    return context_of(span).span_id


def trace_id(span: ReadableSpan) -> int:
    return context_of(span).trace_id


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return bool(child.parent and child.parent.span_id == span_id(parent)) and trace_id(child) == trace_id(parent)


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def kinds(*spans: ReadableSpan) -> list[SpanKind]:
    return [span.kind for span in spans]


def _patient(url: str) -> str:
    # The client's own 5 s are no longer than a machine may stall.
    return f"{url}{'&' if '?' in url else '?'}socket_timeout=60&socket_connect_timeout=60"


@pytest.fixture(scope="session")
def redis_url(redis_url: str) -> str:
    return _patient(redis_url)


@pytest.fixture(scope="session")
def valkey_url(valkey_url: str) -> str:
    return _patient(valkey_url)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def told_by_proxy() -> Told:
    return Told()


@pytest.fixture
def prepare_proxied(told_by_proxy: Told) -> Callable[[Queue], object]:
    return told_by_proxy.telemetry().instrument


@pytest.fixture
async def queue(queue_config: QueueConfig, told: Told) -> AsyncIterator[Queue]:
    queue = told.telemetry().instrument(build_queue(queue_config, serializer, decode_json))
    await queue.connect()
    yield queue
    await queue.disconnect()


@pytest.fixture
def with_options(queue: Queue, told: Told) -> Callable[..., Queue]:
    """Give the queue a telemetry of other options."""

    def give(**options: Any) -> Queue:
        return told.telemetry(**options).instrument(queue, replace=True)

    return give
