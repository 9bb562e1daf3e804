"""OpenTelemetry's standard instrumentor, on plain SAQ: stock queues and stock workers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import saq
from litestar import Litestar
from opentelemetry import trace
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.trace import SpanKind, StatusCode
from saq.queue.redis import RedisQueue

from demo.receiver import OtlpReceiver
from demo.spans import Span
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq._metadata import CARRIER
from litestar_saq.telemetry import OtelOptions
from litestar_saq.telemetry.instrumentor import SAQInstrumentor
from tests.integration.telemetry.conftest import Told, attributes, is_child, kinds, linked, span_id, trace_id

PROGRAM = Path(__file__).parent / "programs" / "plain_saq.py"
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
DEADLINE_S = 60
PATCHED = [
    (saq.Queue, "__init__"),
    *((saq.Worker, name) for name in ("_before_process", "_after_process", "schedule", "abort", "worker_info")),
]

Make = Callable[..., saq.Queue]
Start = Callable[..., Awaitable[saq.Worker[Any]]]


@pytest.fixture
def instrumentor() -> Iterator[SAQInstrumentor]:
    """The one that there is in a process, off before and after."""
    one = SAQInstrumentor()
    assert not one.is_instrumented_by_opentelemetry
    yield one
    if one.is_instrumented_by_opentelemetry:
        one.uninstrument()


@pytest.fixture
def instrumented(instrumentor: SAQInstrumentor, told: Told) -> SAQInstrumentor:
    instrumentor.instrument(tracer_provider=told.tracer_provider, meter_provider=told.meter_provider)
    return instrumentor


@pytest.fixture
async def make_queue(redis_url: str, queue_name: str) -> AsyncIterator[Make]:
    """Make stock queues, when the test says so."""
    queues: list[saq.Queue] = []

    def make() -> saq.Queue:
        queues.append(saq.Queue.from_url(redis_url, name=queue_name))
        return queues[-1]

    yield make
    for queue in queues:
        await queue.disconnect()


@pytest.fixture
async def start_worker() -> AsyncIterator[Start]:
    """Start stock workers in this loop; they are ended after the test."""
    running: list[tuple[saq.Worker[Any], asyncio.Task[None]]] = []

    async def start(queue: saq.Queue, *functions: Any, sweeps: bool = False, **options: Any) -> saq.Worker[Any]:
        # Where the client loses the cancellation of an upkeep, SAQ's worker ends a whole interval later.
        timers: Any = {"worker_info": 1, "sweep": 1}
        worker = saq.Worker(queue, functions, timers=timers, **options)
        worker.SIGNALS = []
        if not sweeps:  # SAQ's sweep takes a job that was only just fetched for a stuck one; the lock is held a while
            await queue.sweep(lock=600)
        running.append((worker, asyncio.create_task(worker.start())))
        return worker

    yield start
    for worker, task in running:
        await worker.stop()
        await task


@pytest.fixture
def redis_told(told: Told) -> Iterator[None]:
    """Spans of what the client sends to Redis."""
    one = RedisInstrumentor()
    one.instrument(tracer_provider=told.tracer_provider)
    yield
    one.uninstrument()


async def double(_ctx: Any, n: int) -> int:
    return 2 * n


async def fail(_ctx: Any) -> None:
    raise LookupError("on purpose")


async def tick(_ctx: Any) -> None: ...


async def completed(job: saq.Job) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not job.completed:  # SAQ's own way to wait misses an end that comes just before it listens
            await asyncio.sleep(0.02)
            await job.refresh()


async def test_a_run_is_in_the_trace_of_its_enqueue(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    worker = await start_worker(queue, double)
    with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("request"):
        job = await queue.enqueue("double", n=2)
    assert job
    await completed(job)
    assert job.result == 4
    request, producer, consumer = await told.spans(request=1, enqueue=1, process=1)
    assert kinds(producer, consumer) == [SpanKind.PRODUCER, SpanKind.CONSUMER]
    assert is_child(producer, request)
    assert is_child(consumer, producer)
    assert linked(consumer) == [span_id(producer)]
    assert attributes(producer)["messaging.message.id"] == attributes(consumer)["messaging.message.id"] == job.key
    assert attributes(consumer)["messaging.client.id"] == worker.id
    assert attributes(consumer)["saq.job.status"] == "complete"
    assert attributes(consumer)["saq.broker"] == "redis"
    assert attributes(consumer)["server.port"]
    assert {span.status.status_code for span in (producer, consumer)} == {StatusCode.UNSET}


async def test_its_metrics_are_recorded(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    await start_worker(queue, double)
    await queue.enqueue("double", n=2)
    await told.spans(process=1)
    assert [(one.value, one.attributes["saq.job.status"]) for one in told.points("saq.job.outcomes")] == [
        (1, "complete")
    ]
    assert [one.value for one in told.points("messaging.client.sent.messages")] == [1]


async def test_a_failure_is_an_error_and_a_retry_is_linked_to_the_attempt_before(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    await start_worker(queue, fail)
    await queue.enqueue("fail", retries=2)
    producer, first, second = await told.spans(enqueue=1, process=2)
    assert linked(first) == [span_id(producer)]
    assert linked(second) == [span_id(producer), span_id(first)]
    assert all(is_child(attempt, producer) for attempt in (first, second))
    assert {attempt.status.status_code for attempt in (first, second)} == {StatusCode.ERROR}
    assert {attributes(attempt)["error.type"] for attempt in (first, second)} == {"LookupError"}
    assert [attributes(attempt)["saq.job.status"] for attempt in (first, second)] == ["queued", "failed"]
    assert [attributes(attempt)["saq.trigger"] for attempt in (first, second)] == ["enqueue", "retry"]
    assert attributes(first)["saq.job.will_retry"] is True


async def test_the_span_is_current_in_a_thread_and_in_what_the_job_enqueues(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()

    def in_thread(_ctx: Any) -> None:
        with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("own"):
            pass

    async def outer(_ctx: Any) -> None:
        await queue.enqueue("in_thread")

    await start_worker(queue, ("outer", outer), ("in_thread", in_thread))
    await queue.enqueue("outer")
    first, inner, outer_run, inner_run, own = await told.spans(enqueue=2, process=2, own=1)
    assert is_child(inner, outer_run)
    assert is_child(inner_run, inner)
    assert is_child(own, inner_run)
    assert {trace_id(span) for span in (inner, outer_run, inner_run, own)} == {trace_id(first)}


async def test_a_worker_that_is_started_inside_a_span_does_not_hang_its_jobs_onto_it(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("start"):
        await start_worker(queue, double)
    await queue.enqueue("double", n=2)
    start, producer, consumer = await told.spans(start=1, enqueue=1, process=1)
    assert trace_id(consumer) == trace_id(producer) != trace_id(start)


async def test_runs_of_cron_jobs_are_roots(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    await start_worker(make_queue(), cron_jobs=[saq.CronJob(tick, "* * * * * */1")])
    async with asyncio.timeout(DEADLINE_S):
        while len(told.named("process")) < 2:
            await asyncio.sleep(0.05)
    assert {span.name.split()[0] for span in told.all} == {"process"}
    for run in told.all:
        assert (run.parent, linked(run)) == (None, [])
        assert attributes(run)["saq.trigger"] == "cron"
        assert attributes(run)["saq.cron.expression"] == "* * * * * */1"
    assert len({trace_id(run) for run in told.all}) == len(told.all)


async def test_several_cron_jobs_have_no_expression_that_might_be_another_one_s(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    never = f"0 0 1 1 * 0 {datetime.now(UTC).year + 1}"
    await start_worker(make_queue(), cron_jobs=[saq.CronJob(tick, "* * * * * */1"), saq.CronJob(double, never)])
    async with asyncio.timeout(DEADLINE_S):
        while not (runs := told.named("process")):
            await asyncio.sleep(0.05)
    assert (runs[0].parent, linked(runs[0])) == (None, [])
    assert attributes(runs[0])["saq.trigger"] == "cron"
    assert "saq.cron.expression" not in attributes(runs[0])


async def test_an_idle_worker_makes_no_span(
    instrumented: SAQInstrumentor, redis_told: None, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    assert isinstance(queue, RedisQueue)
    await queue.connect()
    worker = await start_worker(queue, double, cron_jobs=[saq.CronJob(tick, "0 0 1 1 *")], sweeps=True)
    await asyncio.sleep(3)
    assert told.all == []
    await queue.redis.set(queue.namespace("sweep"), 1, ex=600)  # as `start_worker` does without sweeps
    await queue.enqueue("double", n=2)
    producer, _ = await told.spans(enqueue=1, process=1)
    # The client's own are there where a caller waits for it.
    assert [span for span in told.all if is_child(span, producer) and span.kind is SpanKind.CLIENT]
    before = len(told.all)
    await worker.stop()
    assert len(told.all) == before


async def test_what_it_patched_is_as_before_afterwards(
    instrumentor: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    before = [owner.__dict__[name] for owner, name in PATCHED]
    instrumentor.instrument(tracer_provider=told.tracer_provider)
    assert all(owner.__dict__[name] is not plain for (owner, name), plain in zip(PATCHED, before, strict=True))
    queue = make_queue()
    assert "enqueue" in vars(queue)
    instrumentor.uninstrument()
    assert [owner.__dict__[name] for owner, name in PATCHED] == before
    assert vars(queue).keys() == vars(make_queue()).keys()
    await start_worker(queue, double)
    job = await queue.enqueue("double", n=2)
    assert job
    await completed(job)
    assert (job.result, told.all, CARRIER in job.meta) == (4, [], False)


async def test_a_second_time_changes_nothing(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    patched = [owner.__dict__[name] for owner, name in PATCHED]
    other = Told()
    SAQInstrumentor().instrument(tracer_provider=other.tracer_provider)
    assert "already instrumented" in caplog.text
    assert [owner.__dict__[name] for owner, name in PATCHED] == patched
    queue = make_queue()
    await start_worker(queue, double)
    await queue.enqueue("double", n=2)
    await told.spans(enqueue=1, process=1)
    assert other.all == []


async def test_it_can_be_on_again_after_it_was_off(
    instrumented: SAQInstrumentor, make_queue: Make, start_worker: Start, told: Told
) -> None:
    queue = make_queue()
    instrumented.uninstrument()
    again = Told()
    instrumented.instrument(
        options=OtelOptions(span_naming="function"),
        tracer_provider=again.tracer_provider,
        meter_provider=again.meter_provider,
    )
    await queue.enqueue("double", n=1)
    await make_queue().enqueue("double", n=2)
    assert told.all == []
    assert [span.name for span in again.all] == ["enqueue double"]


@pytest.mark.parametrize("enable_otel", [True, False])
async def test_the_plugin_in_the_same_process_has_the_say_over_its_own_queues(
    instrumented: SAQInstrumentor,
    redis_url: str,
    queue_name: str,
    make_queue: Make,
    start_worker: Start,
    told: Told,
    enable_otel: bool,
) -> None:
    of_plugin = Told()
    options = OtelOptions(tracer_provider=of_plugin.tracer_provider, meter_provider=of_plugin.meter_provider)
    config = QueueConfig(name=queue_name, dsn=redis_url, tasks=[double])
    plugin = SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=enable_otel, otel_options=options))
    Litestar(plugins=[plugin], openapi_config=None)
    worker, queues = plugin.make_worker(queue_name)
    queue = queues.get(queue_name)
    await queue.connect()
    try:
        worker.start_in_background()
        job = await queue.enqueue("double", n=2)
        assert job
        await job.refresh(until_complete=DEADLINE_S)
        if enable_otel:
            producer, consumer = await of_plugin.spans(enqueue=1, process=1)
            assert is_child(consumer, producer)
            # What the plugin gave is not the instrumentor's to take.
            instrumented.uninstrument()
            await queue.enqueue("double", n=3)
            await of_plugin.spans(enqueue=2, process=2)
        assert told.all == []
        assert len(of_plugin.all) == (4 if enable_otel else 0)
    finally:
        await worker.stop_in_background()
        await queue.disconnect()


async def test_the_plugin_without_telemetry_of_its_own_leaves_it_to_the_instrumentor(
    instrumented: SAQInstrumentor, redis_url: str, queue_name: str, told: Told
) -> None:
    config = QueueConfig(name=queue_name, dsn=redis_url, tasks=[double])
    plugin = SAQPlugin(SAQConfig(queue_configs=[config]))
    Litestar(plugins=[plugin], openapi_config=None)
    worker, queues = plugin.make_worker(queue_name)
    queue = queues.get(queue_name)
    await queue.connect()
    worker.start_in_background()
    await queue.enqueue("double", n=2)
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert is_child(consumer, producer)
    await worker.stop_in_background()
    await queue.disconnect()


def test_it_names_what_it_instruments(instrumentor: SAQInstrumentor) -> None:
    assert list(instrumentor.instrumentation_dependencies()) == ["saq >= 0.26, < 0.27"]
    assert issubclass(RedisQueue, saq.Queue)


def environment(redis_url: str, queue_name: str, receiver: OtlpReceiver) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return inherited | {
        "REDIS_URL": redis_url,
        "QUEUE": queue_name,
        "OTEL_SERVICE_NAME": "plain",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
    }


def test_a_program_on_plain_saq_tells_its_traces_over_the_wire(
    redis_url: str, queue_name: str, otlp_receiver: OtlpReceiver
) -> None:
    environ = environment(redis_url, queue_name, otlp_receiver)
    command = [str(INSTRUMENT), sys.executable, str(PROGRAM)]
    subprocess.run([*command, "send"], env=environ, check=True, timeout=DEADLINE_S)

    def of_ours() -> list[Span]:
        return [span for span in otlp_receiver.spans() if span.scope == "litestar_saq"]

    sent = of_ours()  # its producer ended, and has told all that it knew
    assert [span.kind for span in sent] == ["PRODUCER"] * 2
    with subprocess.Popen([*command, "work"], env=environ) as worker:
        try:
            otlp_receiver.wait_for(lambda _: len(of_ours()) == 7, timeout_s=DEADLINE_S)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(DEADLINE_S)
    assert worker.returncode == 0
    _check_chain(otlp_receiver, sent[0])
    _check_retry(otlp_receiver, sent[1])
    # Neither polling nor upkeep told anything: each root is an enqueue.
    assert {span.span_id for span in otlp_receiver.spans() if span.parent_id is None} == {s.span_id for s in sent}


def _check_chain(receiver: OtlpReceiver, sent: Span) -> None:
    chain = [span for span in receiver.trace(sent.trace_id).spans if span.scope == "litestar_saq"]
    assert receiver.trace(sent.trace_id).complete
    assert [span.kind for span in chain] == ["PRODUCER", "CONSUMER", "PRODUCER", "CONSUMER"]
    assert [span.parent_id for span in chain] == [None, *(span.span_id for span in chain[:-1])]
    assert [span.attributes["saq.job.function"] for span in chain] == ["first", "first", "second", "second"]
    assert {span.service for span in chain} == {"plain"}


def _check_retry(receiver: OtlpReceiver, sent: Span) -> None:
    producer, first, second = (span for span in receiver.trace(sent.trace_id).spans if span.scope == "litestar_saq")
    assert [link.span_id for link in second.links] == [producer.span_id, first.span_id]
    assert (first.status, second.status) == ("ERROR", "UNSET")


def test_what_was_recorded_last_arrives_when_the_program_is_told_to_end_at_once(
    redis_url: str, queue_name: str, otlp_receiver: OtlpReceiver
) -> None:
    # The SDK exports every 5 s by itself, which would be too late.
    environ = environment(redis_url, queue_name, otlp_receiver) | {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
    command = [str(INSTRUMENT), sys.executable, str(PROGRAM)]
    with subprocess.Popen([*command, "work"], env=environ) as worker:
        try:
            subprocess.run([*command, "send"], env=environ, check=True, timeout=DEADLINE_S)
            _wait_until_empty(redis_url, queue_name)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(DEADLINE_S)
    ours = [span for span in otlp_receiver.spans() if span.scope == "litestar_saq"]
    assert sorted(span.kind for span in ours) == ["CONSUMER"] * 4 + ["PRODUCER"] * 3


def _wait_until_empty(redis_url: str, queue_name: str) -> None:
    async def wait() -> None:
        queue = saq.Queue.from_url(redis_url, name=queue_name)
        deadline = time.monotonic() + DEADLINE_S
        while await queue.count("incomplete"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await queue.disconnect()

    asyncio.run(wait())
