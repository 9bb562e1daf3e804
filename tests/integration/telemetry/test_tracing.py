"""Spans of jobs, read from an exporter in memory; the queue is a real one on Redis."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.plugins.opentelemetry import OpenTelemetryConfig, OpenTelemetryPlugin
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from saq.job import Status
from saq.queue.base import Queue

from litestar_saq import CronJob, QueueConfig, SAQConfig, SAQPlugin, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.telemetry.tracing import CARRIER, JobTracing

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:opentelemetry")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def tracing(provider: TracerProvider) -> JobTracing:
    return JobTracing(provider=provider)


@pytest.fixture
async def queue(redis_url: str, tracing: JobTracing) -> AsyncIterator[Queue]:
    queue = build_queue(QueueConfig(dsn=redis_url, name=uuid.uuid4().hex), serializer, decode_json)
    tracing.instrument(queue)
    yield queue
    await queue.disconnect()


@pytest.fixture
async def start(queue: Queue, tracing: JobTracing) -> AsyncIterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def start(*functions: Any, **options: Any) -> Worker:
        worker = Worker(queue, functions, tracing=tracing, **options)
        worker.start_in_background()
        workers.append(worker)
        return worker

    yield start
    await asyncio.gather(*(worker.stop_in_background() for worker in workers))


async def spans(exporter: InMemorySpanExporter, count: int) -> list[ReadableSpan]:
    async with asyncio.timeout(20):
        while len(exporter.get_finished_spans()) < count:
            await asyncio.sleep(0.02)
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return bool(child.parent and child.parent.span_id == parent.context.span_id)


async def test_a_run_is_the_child_of_its_enqueue_and_linked_to_it(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    async def own(_ctx: Any) -> None:
        with trace.get_tracer("app", tracer_provider=provider).start_as_current_span("work"):
            pass

    worker = start(("own", own))
    job = await queue.enqueue("own", key="k")
    assert job
    producer, consumer, work = await spans(exporter, 3)
    assert (producer.kind, consumer.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert (producer.name, consumer.name) == (f"enqueue {queue.name}", f"process {queue.name}")
    assert producer.parent is None
    assert is_child(consumer, producer)
    assert is_child(work, consumer)
    assert [link.context.span_id for link in consumer.links] == [producer.context.span_id]
    assert (
        attributes(producer).items()
        >= {
            "messaging.system": "saq",
            "messaging.operation.name": "enqueue",
            "messaging.operation.type": "send",
            "messaging.destination.name": queue.name,
            "messaging.message.id": "k",
            "saq.broker": "redis",
            "saq.job.function": "own",
        }.items()
    )
    assert {"server.address", "server.port"} <= attributes(producer).keys()
    assert (
        attributes(consumer).items()
        >= {
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": "k",
            "messaging.client.id": worker.id,
            "saq.job.attempt": 1,
            "saq.job.status": "complete",
        }.items()
    )
    assert {span.status.status_code for span in (producer, consumer)} == {StatusCode.UNSET}


async def test_the_span_is_current_in_a_threaded_job(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    def own(_ctx: Any) -> None:
        with trace.get_tracer("app", tracer_provider=provider).start_as_current_span("work"):
            pass

    start(("own", own))
    await queue.enqueue("own")
    _, consumer, work = await spans(exporter, 3)
    assert is_child(work, consumer)


async def test_what_a_job_enqueues_is_in_its_trace(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter
) -> None:
    async def first(ctx: Any) -> None:
        await ctx["queue"].enqueue("second")

    async def second(_ctx: Any) -> None: ...

    start(("first", first), ("second", second))
    await queue.enqueue("first")
    found = await spans(exporter, 4)
    assert len({span.context.trace_id for span in found}) == 1
    producer, consumer, inner_producer, inner_consumer = found
    assert is_child(consumer, producer)
    assert is_child(inner_producer, consumer)
    assert is_child(inner_consumer, inner_producer)


async def test_a_failure_is_an_error_and_every_attempt_has_a_span(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter
) -> None:
    async def fail(_ctx: Any) -> None:
        raise LookupError("on purpose")

    start(("fail", fail))
    await queue.enqueue("fail", retries=2)
    producer, first, second = await spans(exporter, 3)
    assert is_child(first, producer)
    assert is_child(second, producer)
    for span in (first, second):
        assert span.status.status_code is StatusCode.ERROR
        assert attributes(span)["error.type"] == "LookupError"
        assert [event.name for event in span.events] == ["exception"]
    assert attributes(first)["saq.job.will_retry"] is True
    assert "saq.job.will_retry" not in attributes(second)


async def test_an_abort_is_no_error(queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    start(("endless", endless), timers={"abort": 1})
    job = await queue.enqueue("endless", timeout=0)
    assert job
    await running.wait()
    await job.abort("enough")
    _, consumer = await spans(exporter, 2)
    assert consumer.status.status_code is StatusCode.UNSET
    assert [event.name for event in consumer.events] == ["saq.job.aborted"]


async def test_the_end_of_a_worker_is_no_error(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter
) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    worker = start(("endless", endless))
    await queue.enqueue("endless", timeout=0)
    await running.wait()
    await worker.stop_in_background()
    _, consumer = await spans(exporter, 2)
    assert consumer.status.status_code is StatusCode.UNSET
    assert [event.name for event in consumer.events] == ["saq.job.cancelled"]


async def test_a_duplicate_is_marked_and_no_error(queue: Queue, exporter: InMemorySpanExporter) -> None:
    await queue.enqueue("f", key="k")
    assert await queue.enqueue("f", key="k") is None
    _, second = await spans(exporter, 2)
    assert attributes(second)["saq.enqueue.deduplicated"] is True
    assert second.status.status_code is StatusCode.UNSET


async def test_the_callers_metadata_is_not_changed(queue: Queue) -> None:
    meta = {"mine": 1}
    first = await queue.enqueue("f", meta=meta)
    second = await queue.enqueue("f", meta=meta)
    assert first
    assert second
    assert meta == {"mine": 1}
    assert first.meta["mine"] == second.meta["mine"] == 1
    assert first.meta[CARRIER]["traceparent"] != second.meta[CARRIER]["traceparent"]


async def test_a_cron_run_is_a_trace_of_its_own(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter
) -> None:
    async def tick(_ctx: Any) -> None: ...

    start(cron_jobs=[CronJob(tick, "* * * * * *")])
    (run,) = (await spans(exporter, 1))[:1]
    assert (run.kind, run.parent, list(run.links)) == (SpanKind.CONSUMER, None, [])


async def test_headers_of_other_producers_are_read(
    queue: Queue, start: Callable[..., Worker], exporter: InMemorySpanExporter
) -> None:
    async def f(_ctx: Any) -> None: ...

    plain: Any = type(queue).enqueue
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await plain(queue, "f", meta={"traceparent": parent})
    # The queue's own hook writes the context of the caller, of which there is none here.
    job_payload = await queue.jobs([job["key"] for job in (await queue.info(jobs=True))["jobs"]])
    assert job_payload
    start(("f", f))
    (consumer,) = await spans(exporter, 1)
    assert f"{consumer.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("otel_first", [True, False])
@pytest.mark.parametrize(("enable", "traced"), [(None, True), (True, True), (False, False)])
async def test_enable_otel_with_litestars_plugin_in_any_order(
    otel_first: bool,
    enable: bool | None,
    traced: bool,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    redis_url: str,
) -> None:
    config = SAQConfig(queue_configs=[QueueConfig(dsn=redis_url, name=uuid.uuid4().hex)], enable_otel=enable)
    plugin, name = SAQPlugin(config), config.get_queue_configs()[0].name
    otel = OpenTelemetryPlugin(OpenTelemetryConfig(tracer_provider=provider))
    Litestar(plugins=[otel, plugin] if otel_first else [plugin, otel])
    queue = plugin.get_queue(name)
    await queue.enqueue("f")
    assert [span.name for span in exporter.get_finished_spans()] == ([f"enqueue {name}"] if traced else [])
    await queue.disconnect()


async def test_without_litestars_plugin_none_is_off(redis_url: str) -> None:
    config = SAQConfig(queue_configs=[QueueConfig(dsn=redis_url, name=uuid.uuid4().hex)])
    plugin = SAQPlugin(config)
    Litestar(plugins=[plugin])
    job = await plugin.get_queue(config.get_queue_configs()[0].name).enqueue("f")
    assert job
    assert (job.meta, job.status) == ({}, Status.QUEUED)
    await plugin.get_queue(config.get_queue_configs()[0].name).disconnect()
