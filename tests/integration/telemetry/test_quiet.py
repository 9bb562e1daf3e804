"""What makes no span, and what telemetry that fails does not break."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes
from saq.job import Status
from saq.queue.base import Queue
from saq.queue.redis import RedisQueue

from litestar_saq import CronJob, QueueConfig, Worker
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from litestar_saq.telemetry import OtelOptions, instrument_queue, silence
from litestar_saq.telemetry.attachment import telemetry_of
from litestar_saq.telemetry.job_telemetry import JobTelemetry
from tests.integration.telemetry.conftest import Told, is_child, trace_id

Start = Callable[..., Worker]
IDLE_S = 10.0


@pytest.fixture
def client_spans(queue_config: QueueConfig, broker: str) -> Iterator[Told]:
    """What the instrumentation of the broker's client tells."""
    told = Told()
    instrumentors: dict[str, Any] = {
        "redis": RedisInstrumentor(),
        "postgres": PsycopgInstrumentor(),
        "http": AioHttpClientInstrumentor(),  # not Redis' too: the proxy's server is in this process
    }
    instrumentors[broker].instrument(tracer_provider=told.tracer_provider, skip_dep_check=True)
    yield told
    instrumentors[broker].uninstrument()


@pytest.fixture
async def observed_queue(client_spans: Told, queue_config: QueueConfig, told: Told) -> AsyncIterator[Queue]:
    """A queue whose client is made while the instrumentations are on."""
    queue = told.telemetry().instrument(build_queue(queue_config, serializer, decode_json))
    yield queue
    await queue.disconnect()


async def nothing(_ctx: Any) -> None: ...


@pytest.mark.parametrize("broker", ["redis", "postgres", "http"], indirect=True)
async def test_an_idle_worker_makes_no_span(observed_queue: Queue, told: Told, client_spans: Told) -> None:
    await observed_queue.connect()
    worker = Worker(
        observed_queue, [], timers={"sweep": 1, "worker_info": 1}, cron_jobs=[CronJob(nothing, "0 0 1 1 *")]
    )
    worker.start_in_background()
    await asyncio.sleep(IDLE_S)  # a span that is not made can't be waited for
    await worker.stop_in_background()
    assert [span.name for span in told.all] == []
    assert [span.name for span in client_spans.all] == []


@pytest.mark.parametrize("broker", ["redis", "postgres", "http"], indirect=True)
async def test_what_a_job_and_an_enqueue_ask_of_a_broker_is_told(
    observed_queue: Queue, told: Told, client_spans: Told
) -> None:
    async def ask(ctx: Any) -> None:
        await ctx["queue"].count("queued")

    await observed_queue.connect()
    worker = Worker(observed_queue, [("ask", ask)])
    worker.start_in_background()
    await observed_queue.apply("ask", poll_interval=0.05)
    await worker.stop_in_background()
    producer, consumer = await told.spans(enqueue=1, process=1)
    by_parent = [next(p.name for p in (producer, consumer) if is_child(span, p)) for span in client_spans.all]
    # For the enqueue and for the job's own question; none for polls and outcomes, whose parent would be another, nor
    # for what is enqueued on Redis: a script takes along whatever else is enqueued at the same time.
    names = {consumer.name} if isinstance(observed_queue, RedisQueue) else {producer.name, consumer.name}
    assert set(by_parent) == names


class BrokenSampler(Sampler):
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        raise RuntimeError("a sampler that fails")

    def get_description(self) -> str:
        return "BrokenSampler"


class BrokenProcessor(SpanProcessor):
    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        raise RuntimeError("a processor that fails")

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("a processor that fails")


def broken_propagation(_job: Any) -> Any:
    raise RuntimeError("a function that fails")


@pytest.mark.parametrize("part", ["sampler", "processor", "propagation", "propagation's answer"])
async def test_telemetry_that_fails_fails_no_job(queue: Queue, run_worker: Start, part: str) -> None:
    provider = TracerProvider(sampler=BrokenSampler() if part == "sampler" else None, shutdown_on_exit=False)
    if part == "processor":
        provider.add_span_processor(BrokenProcessor())
    modes: dict[str, Any] = {"propagation": broken_propagation, "propagation's answer": lambda _job: "child"}
    options = OtelOptions(tracer_provider=provider, propagation=modes.get(part, "parent"))
    JobTelemetry(options=options).instrument(queue, replace=True)

    async def double(_ctx: Any, n: int) -> int:
        return 2 * n

    run_worker(("double", double))
    assert await queue.apply("double", n=2, poll_interval=0.05) == 4
    assert await queue.map("double", [{"n": 3}], poll_interval=0.05) == [6]
    assert [job.status for job in await queue.enqueue_many([])] == []  # type: ignore[attr-defined]
    job = await queue.enqueue("double", n=1, scheduled=4_000_000_000)
    assert job
    await job.abort("enough")
    stored = await queue.job(job.key)
    assert stored
    assert stored.status in {Status.ABORTING, Status.ABORTED}


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
async def test_two_queues_with_two_providers_do_not_mix(
    queue: Queue, run_worker: Start, told: Told, redis_url: str
) -> None:
    other_told = Told()
    config = QueueConfig(dsn=redis_url, name=uuid.uuid4().hex)
    other = other_told.telemetry().instrument(build_queue(config, serializer, decode_json))

    async def pass_on(_ctx: Any) -> None:
        await other.enqueue("nothing")

    run_worker(("pass_on", pass_on))
    worker = Worker(other, [("nothing", nothing)])
    worker.start_in_background()
    await queue.enqueue("pass_on")
    mine = await told.spans(enqueue=1, process=1)
    theirs = await other_told.spans(enqueue=1, process=1)
    assert {span.name.partition(" ")[2] for span in mine} == {queue.name}
    assert {span.name.partition(" ")[2] for span in theirs} == {other.name}
    assert len({trace_id(span) for span in (*mine, *theirs)}) == 1
    await worker.stop_in_background()
    await other.disconnect()


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
async def test_a_stock_queue_takes_part_by_one_call(queue: Queue, told: Told, redis_url: str) -> None:
    stock = Queue.from_url(redis_url, name=queue.name)
    options = OtelOptions(tracer_provider=told.tracer_provider, meter_provider=told.meter_provider)
    assert instrument_queue(instrument_queue(stock, options), options) is stock
    job = await stock.enqueue("nothing")
    await told.spans(enqueue=1)
    assert job
    assert "traceparent" in job.meta["_otel_context"]
    await stock.disconnect()


@pytest.mark.parametrize("broker", ["memory"], indirect=True)
async def test_a_silenced_queue_is_silent_and_writes_nothing(queue: Queue, run_worker: Start, told: Told) -> None:
    silence(queue)
    assert telemetry_of(queue) is None
    run_worker(nothing)
    await queue.apply("nothing", poll_interval=0.05)
    assert told.all == []
    assert [job.meta for job in queue.enqueued] == [{}]  # type: ignore[attr-defined]
