"""The spans of every operation, on every broker (the table of operations)."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

import pytest
from litestar.exceptions import SerializationException
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from saq.job import Status
from saq.queue.base import JobError, Queue

from litestar_saq import CronJob, Job, Worker
from litestar_saq._metadata import CARRIER
from litestar_saq.telemetry import begin_run
from tests.integration.telemetry.conftest import (
    Told,
    attributes,
    context_of,
    events,
    is_child,
    kinds,
    linked,
    span_id,
    trace_id,
)

Start = Callable[..., Worker]


async def nothing(_ctx: Any) -> None: ...


async def double(_ctx: Any, n: int) -> int:
    return 2 * n


async def fail(_ctx: Any) -> None:
    raise LookupError("on purpose")


async def ended(job: Job | None, status: Status) -> None:
    assert job
    async with asyncio.timeout(30):
        while (stored := await job.get_queue().job(job.key)) is None or stored.status is not status:
            await asyncio.sleep(0.02)


async def test_a_run_is_the_child_of_its_enqueue_and_linked_to_it(
    queue: Queue, key: str, run_worker: Start, told: Told, broker: str
) -> None:
    worker = run_worker(nothing)
    job = await queue.enqueue("nothing", key=key, retries=3, timeout=7)
    assert job
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert kinds(producer, consumer) == [SpanKind.PRODUCER, SpanKind.CONSUMER]
    assert (producer.name, consumer.name) == (f"enqueue {queue.name}", f"process {queue.name}")
    assert producer.parent is None
    assert is_child(consumer, producer)
    assert linked(consumer) == [span_id(producer)]
    assert consumer.links[0].attributes == {"opentracing.ref_type": "child_of"}
    common = {
        "messaging.system": "saq",
        "messaging.destination.name": queue.name,
        "messaging.message.id": key,
        "saq.broker": {"postgres": "postgresql", "valkey": "redis"}.get(broker, broker),
        "saq.job.function": "nothing",
    }
    sent = {"messaging.operation.name": "enqueue", "messaging.operation.type": "send"}
    run = {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.client.id": str(worker.id),
        "saq.job.attempt": 1,
        "saq.job.retries": 3,
        "saq.job.timeout": 7,
        "saq.job.status": "complete",
        "saq.trigger": "enqueue",
    }
    assert attributes(producer).items() >= {**common, **sent}.items()
    assert attributes(consumer).items() >= {**common, **run}.items()
    assert attributes(consumer)["saq.job.wait_ms"] >= 0
    if broker != "memory":
        assert {"server.address", "server.port"} <= attributes(producer).keys() & attributes(consumer).keys()
    assert {span.status.status_code for span in (producer, consumer)} == {StatusCode.UNSET}
    assert events(consumer) == ["saq.job.finished"]
    assert {producer.instrumentation_scope.schema_url if producer.instrumentation_scope else None} == {
        "https://opentelemetry.io/schemas/1.44.0"
    }


async def test_a_job_holds_the_context_right_after_its_enqueue(queue: Queue, key: str, told: Told) -> None:
    mine = {"mine": 1}
    job = await queue.enqueue("nothing", key=key, meta=mine)
    assert job
    (producer,) = await told.spans(enqueue=1)
    stored = await queue.job(key)
    assert stored
    assert stored.meta["mine"] == 1
    version, trace, span, _flags = stored.meta[CARRIER]["traceparent"].split("-")
    assert (version, int(trace, 16), int(span, 16)) == ("00", trace_id(producer), span_id(producer))
    assert mine == {"mine": 1}


async def test_metadata_that_many_jobs_share_is_not_changed(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(double)
    meta = {"mine": 1}
    assert await queue.map("double", [{"n": n} for n in range(3)], meta=meta, poll_interval=0.05) == [0, 2, 4]
    assert meta == {"mine": 1}
    spans = await told.spans(enqueue=3, process=3)
    producers, consumers = spans[:3], spans[3:]
    assert {linked(consumer)[0] for consumer in consumers} == {span_id(producer) for producer in producers}


@pytest.mark.parametrize("name", ["enqueue", "apply", "map", "abort", "retry", "update", "sweep", "connect"])
async def test_what_a_program_may_patch_is_a_coroutine_function_still(queue: Queue, name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(queue, name))


async def test_the_span_is_current_in_the_job_and_in_what_it_enqueues(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    def in_thread(_ctx: Any) -> None:
        with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("own"):
            pass

    async def first(ctx: Any) -> None:
        with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("own"):
            await ctx["queue"].enqueue("in_thread")

    run_worker(("first", first), ("in_thread", in_thread))
    await queue.enqueue("first")
    producer, inner_producer, consumer, inner_consumer, own, inner_own = await told.spans(enqueue=2, process=2, own=2)
    for child, parent in (
        (consumer, producer),
        (own, consumer),
        (inner_producer, own),
        (inner_consumer, inner_producer),
        (inner_own, inner_consumer),
    ):
        assert is_child(child, parent)


async def test_every_attempt_has_a_span_in_the_trace_linked_to_the_one_before(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    run_worker(fail)
    await queue.enqueue("fail", retries=3)
    producer, first, second, third = await told.spans(enqueue=1, process=3)
    assert all(is_child(attempt, producer) for attempt in (first, second, third))
    assert linked(first) == [span_id(producer)]
    assert linked(second) == [span_id(producer), span_id(first)]
    assert linked(third) == [span_id(producer), span_id(second)]
    for span in (first, second, third):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "on purpose"
        assert attributes(span)["error.type"] == "LookupError"
        exception = next(event for event in span.events if event.name == "exception")
        assert (
            dict(exception.attributes or {}).items()
            >= {
                "exception.type": "LookupError",
                "exception.message": "on purpose",
            }.items()
        )
    assert [attributes(span)["saq.trigger"] for span in (first, second, third)] == ["enqueue", "retry", "retry"]
    assert [attributes(span).get("saq.job.will_retry") for span in (first, second, third)] == [True, True, None]
    assert [events(span)[-1] for span in (first, second, third)] == [
        "saq.job.retry",
        "saq.job.retry",
        "saq.job.finished",
    ]


async def test_an_attempt_is_stored_with_what_its_job_updates(
    queue: Queue, key: str, run_worker: Start, told: Told
) -> None:
    """A sweep after the worker's death finds there what the next attempt is linked to."""
    found: list[str] = []

    async def half(ctx: Any) -> None:
        await ctx["job"].update(progress=0.5)
        stored = await queue.job(key)
        assert stored
        found.append((stored.meta or {})[CARRIER]["saq-prev"])

    run_worker(("half", half))
    await queue.enqueue("half", key=key)
    (consumer,) = await told.spans(process=1)
    context = context_of(consumer)
    assert found == [f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"]


async def test_a_timeout_is_an_error(queue: Queue, run_worker: Start, told: Told) -> None:
    async def endless(_ctx: Any) -> None:
        await asyncio.Event().wait()

    run_worker(("endless", endless))
    await queue.enqueue("endless", timeout=1)
    (consumer,) = await told.spans(process=1)
    assert consumer.status.status_code is StatusCode.ERROR
    assert attributes(consumer).items() >= {"error.type": "TimeoutError", "saq.job.status": "failed"}.items()


async def test_aborting_a_running_job_is_no_error(queue: Queue, run_worker: Start, told: Told) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    run_worker(("endless", endless), timers={"abort": 1})
    job = await queue.enqueue("endless", timeout=0)
    assert job
    await running.wait()
    await job.abort("enough, says the user")
    producer, consumer, abort = await told.spans(enqueue=1, process=1, abort=1)
    assert consumer.status.status_code is StatusCode.UNSET
    assert events(consumer) == ["saq.job.aborted"]
    assert attributes(consumer)["saq.job.status"] == "aborted"
    assert (abort.kind, linked(abort), abort.status.status_code) == (
        SpanKind.CLIENT,
        [span_id(producer)],
        StatusCode.UNSET,
    )
    assert (
        attributes(abort).items()
        >= {
            "messaging.operation.type": "settle",
            "messaging.message.id": job.key,
            "saq.job.function": "endless",
        }.items()
    )
    assert "enough" not in repr(attributes(abort))


async def test_aborting_a_job_that_waits_makes_no_run(queue: Queue, told: Told) -> None:
    job = await queue.enqueue("nothing")
    assert job
    await job.abort("enough")
    await told.spans(enqueue=1, abort=1, process=0)


async def test_the_end_of_a_worker_is_no_error_and_the_next_attempt_is_linked(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    running = asyncio.Event()

    async def once_endless(_ctx: Any) -> None:
        if not running.is_set():
            running.set()
            await asyncio.Event().wait()

    worker = run_worker(("once_endless", once_endless))
    await queue.enqueue("once_endless", timeout=0)
    await running.wait()
    await worker.stop_in_background()
    run_worker(("once_endless", once_endless))
    producer, first, second = await told.spans(enqueue=1, process=2)
    assert (first.status.status_code, events(first)) == (StatusCode.UNSET, ["saq.job.cancelled"])
    assert attributes(first)["saq.job.status"] == "queued"
    assert linked(second) == [span_id(producer), span_id(first)]
    assert is_child(second, producer)


async def test_a_duplicate_is_marked_and_no_error(queue: Queue, key: str, told: Told) -> None:
    await queue.enqueue("nothing", key=key)
    assert await queue.enqueue("nothing", key=key) is None
    _, second = await told.spans(enqueue=2)
    assert attributes(second)["saq.enqueue.deduplicated"] is True
    assert second.status.status_code is StatusCode.UNSET


async def test_an_enqueue_that_fails_is_an_error(queue: Queue, told: Told) -> None:
    with pytest.raises(SerializationException):
        await queue.enqueue("double", n=object())
    (producer,) = await told.spans(enqueue=1)
    assert producer.status.status_code is StatusCode.ERROR
    assert attributes(producer)["error.type"]


async def test_apply_waits_in_a_span_of_which_the_run_is_a_descendant(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    run_worker(double)
    assert await queue.apply("double", n=4, poll_interval=0.05) == 8
    apply, producer, consumer = await told.spans(apply=1, enqueue=1, process=1)
    assert kinds(apply, producer, consumer) == [SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER]
    assert is_child(producer, apply)
    assert is_child(consumer, producer)
    assert "messaging.operation.type" not in attributes(apply)
    assert apply.status.status_code is StatusCode.UNSET


async def test_apply_of_a_job_that_fails_is_an_error(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(fail)
    with pytest.raises(JobError):
        await queue.apply("fail", poll_interval=0.05)
    (apply,) = await told.spans(apply=1)
    assert (apply.status.status_code, attributes(apply)["error.type"]) == (StatusCode.ERROR, "saq.queue.base.JobError")


async def test_map_has_one_span_and_a_producer_for_each_job(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(double, fail)
    assert await queue.map("double", [{"n": n} for n in range(3)], poll_interval=0.05) == [0, 2, 4]
    outer, *rest = await told.spans(map=1, enqueue=3, process=3)
    producers, consumers = rest[:3], rest[3:]
    assert outer.kind is SpanKind.INTERNAL
    assert attributes(outer).items() >= {"saq.map.count": 3, "saq.map.failed": 0}.items()
    assert all(is_child(producer, outer) for producer in producers)
    by_id = {span_id(producer): producer for producer in producers}
    assert all(is_child(consumer, by_id.pop(linked(consumer)[0])) for consumer in consumers)
    told.exporter.clear()
    await queue.map("fail", [{}, {}], return_exceptions=True, poll_interval=0.05)
    (failed,) = await told.spans(map=1)
    assert attributes(failed)["saq.map.failed"] == 2


async def test_many_jobs_have_a_create_span_each_and_one_send_span(
    queue: Queue, key: str, run_worker: Start, told: Told
) -> None:
    jobs = [Job("double", kwargs={"n": n}, key=f"{key}-{n}") for n in range(3)]
    stored = await queue.enqueue_many([*jobs, Job("double", kwargs={"n": 0}, key=f"{key}-0")])  # type: ignore[attr-defined]
    assert [job and job.key for job in stored] == [*(job.key for job in jobs), None]
    run_worker(double)
    send, *rest = await told.spans(enqueue=1, create=4, process=3)
    creates, consumers = rest[:4], rest[4:]
    assert kinds(send, *creates) == [SpanKind.CLIENT, *[SpanKind.PRODUCER] * 4]
    assert attributes(send)["messaging.batch.message_count"] == 4
    assert linked(send) == [span_id(create) for create in creates]
    assert [dict(link.attributes or {})["messaging.message.id"] for link in send.links] == [
        *(job.key for job in jobs),
        f"{key}-0",
    ]
    assert {attributes(create)["messaging.operation.type"] for create in creates} == {"create"}
    by_id = {span_id(create): create for create in creates}
    assert all(is_child(consumer, by_id[linked(consumer)[0]]) for consumer in consumers)


@pytest.mark.parametrize(("count", "options"), [(3, {"create_spans": False}), (101, {})])
async def test_one_span_stands_for_very_many_jobs(
    with_options: Callable[..., Queue], run_worker: Start, told: Told, count: int, options: dict[str, Any]
) -> None:
    queue = with_options(**options)
    run_worker(double)
    await queue.enqueue_many(Job("double", kwargs={"n": n}) for n in range(count))  # type: ignore[attr-defined]
    send, *consumers = await told.spans(enqueue=1, process=count)
    assert not told.named("create")
    assert send.kind is SpanKind.PRODUCER
    assert all(is_child(consumer, send) for consumer in consumers)


async def test_a_cron_run_is_a_trace_of_its_own_with_its_expression(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    async def tick(_ctx: Any) -> None: ...

    with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("ambient"):
        run_worker(cron_jobs=[CronJob(tick, "* * * * * *")])
    async with asyncio.timeout(30):
        while len(told.named("process")) < 2:
            await asyncio.sleep(0.02)
    runs = told.named("process")
    assert len({trace_id(run) for run in runs}) == len(runs)
    assert [(run.parent, list(run.links)) for run in runs] == [(None, [])] * len(runs)
    assert {(attributes(run)["saq.trigger"], attributes(run)["saq.cron.expression"]) for run in runs} == {
        ("cron", "* * * * * *")
    }
    assert {span.name.partition(" ")[0] for span in told.all} == {"process", "ambient"}


async def test_a_worker_started_in_a_span_does_not_give_it_to_its_jobs(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    with trace.get_tracer("app", tracer_provider=told.tracer_provider).start_as_current_span("ambient") as ambient:
        run_worker(nothing)
    await queue.enqueue("nothing")
    (consumer,) = await told.spans(process=1)
    assert trace_id(consumer) != ambient.get_span_context().trace_id


async def lose(queue: Queue, key: str) -> int:
    """Fetch a job and start it as a worker does that then dies; return the id of the span that never ends."""
    job = await queue.dequeue(timeout=5)
    assert job
    job.attempts, job.worker_id = job.attempts + 1, "dead"
    run = begin_run(queue, job, "dead")
    assert run
    job.started = 1
    await job.update(status=Status.ACTIVE)
    return int(run.span.get_span_context().span_id)


async def test_a_swept_job_stays_in_its_trace_and_the_sweep_tells_of_it(
    queue: Queue, key: str, run_worker: Start, told: Told, told_by_proxy: Told, broker: str
) -> None:
    await queue.enqueue("double", n=1, key=key, retries=2, timeout=1)
    lost = await asyncio.create_task(lose(queue, key))
    run_worker(double, timers={"sweep": 1})
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert is_child(consumer, producer)
    assert linked(consumer) == [span_id(producer), lost]
    assert attributes(consumer).items() >= {"saq.trigger": "sweep", "saq.job.attempt": 2}.items()
    (sweep,) = await (told_by_proxy if broker == "http" else told).spans(sweep=1)
    assert (sweep.kind, sweep.parent, sweep.status.status_code) == (SpanKind.INTERNAL, None, StatusCode.UNSET)
    assert attributes(sweep)["messaging.batch.message_count"] == 1
    (link,) = sweep.links
    assert link.context.span_id == span_id(producer)
    assert dict(link.attributes or {}) == {"messaging.message.id": key, "saq.job.worker_id": "dead"}


async def test_a_sweep_that_finds_nothing_makes_no_span(queue: Queue, told: Told) -> None:
    assert await queue.sweep(lock=1) == []
    assert not told.all


async def test_receive_and_settle_spans_where_they_are_asked_for(
    with_options: Callable[..., Queue], run_worker: Start, told: Told
) -> None:
    queue = with_options(receive_spans=True, settle_spans=True)
    run_worker(fail)
    await queue.enqueue("fail", retries=2)
    producer, *_, retry, finish = await told.spans(enqueue=1, dequeue=2, process=2, retry=1, finish=1)
    first, second = told.named("process")
    assert is_child(retry, first)
    assert is_child(finish, second)
    receive = told.named("dequeue")[0]
    assert (receive.parent, linked(receive)) == (None, [span_id(producer)])
    assert kinds(retry, finish, receive) == [SpanKind.CLIENT] * 3
    assert "saq.job.finished" not in events(second)


async def test_spans_can_be_named_by_the_function(
    with_options: Callable[..., Queue], run_worker: Start, told: Told
) -> None:
    queue = with_options(span_naming="function")
    run_worker(nothing)
    await queue.enqueue("nothing")
    assert [span.name for span in await told.spans(enqueue=1, process=1)] == ["enqueue nothing", "process nothing"]


@pytest.mark.parametrize(("signal", "recorded"), [("", True), ("logs", False), ("logs/dup", True)])
async def test_exceptions_are_events_unless_they_are_logs(
    queue: Queue, run_worker: Start, told: Told, monkeypatch: pytest.MonkeyPatch, signal: str, recorded: bool
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", signal)
    run_worker(fail)
    await queue.enqueue("fail")
    (consumer,) = await told.spans(process=1)
    assert ("exception" in events(consumer)) is recorded
    assert attributes(consumer)["error.type"] == "LookupError"


async def test_a_job_that_is_enqueued_again_has_a_new_trace(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(fail)
    job = await queue.enqueue("fail")
    await ended(job, Status.FAILED)
    assert job
    await job.refresh()
    job.scheduled = int(time.time()) + 1  # Postgres takes the key again for a later time only
    await job.enqueue()
    producers, consumers = await told.spans(enqueue=2), await told.spans(process=2)
    assert is_child(consumers[1], producers[-1])
    assert linked(consumers[1]) == [span_id(producers[-1])]
    assert context_of(consumers[1]).trace_id != context_of(consumers[0]).trace_id
