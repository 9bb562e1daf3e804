"""Metrics of jobs, read from OpenTelemetry's own SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from saq.job import Status
from saq.queue.base import Queue

from litestar_saq import Job, Worker
from litestar_saq.telemetry.observer import Observer
from litestar_saq.telemetry.semconv import BASIC_BUCKETS_S, LONG_BUCKETS_S
from tests.integration.telemetry.conftest import Point, Told, span_id, trace_id

Start = Callable[..., Worker]


async def nothing(_ctx: Any) -> None: ...


async def fail(_ctx: Any) -> None:
    raise LookupError("on purpose")


def only(points: list[Point]) -> Point:
    assert len(points) == 1
    return points[0]


async def test_the_conventions_four(queue: Queue, key: str, run_worker: Start, told: Told, broker: str) -> None:
    run_worker(nothing)
    await queue.enqueue("nothing", key=key)
    (consumer,) = await told.spans(process=1)
    common: dict[str, Any] = {"messaging.system": "saq", "messaging.destination.name": queue.name}
    if broker != "memory":
        attributes = dict(consumer.attributes or {})
        common |= {name: attributes[name] for name in ("server.address", "server.port")}
    sent = only(told.points("messaging.client.sent.messages"))
    assert sent == Point(1, "{message}", {**common, "messaging.operation.name": "enqueue"}, (), sent.exemplars)
    consumed = only(told.points("messaging.client.consumed.messages"))
    assert consumed.attributes == {**common, "messaging.operation.name": "process"}
    assert (consumed.value, consumed.unit) == (1, "{message}")
    operations = {
        point.attributes["messaging.operation.name"]: point
        for point in told.points("messaging.client.operation.duration")
    }
    assert operations.keys() == {"enqueue", "finish"}
    assert operations["enqueue"].attributes == {
        **common,
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
    }
    assert {(point.unit, point.bounds) for point in operations.values()} == {("s", BASIC_BUCKETS_S)}
    process = only(told.points("messaging.process.duration"))
    assert (process.value, process.unit, process.bounds) == (1, "s", BASIC_BUCKETS_S)
    assert process.attributes == {
        **common,
        "messaging.operation.name": "process",
        "saq.job.function": "nothing",
    }


async def test_an_exemplar_carries_the_run(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(nothing)
    await queue.enqueue("nothing")
    (consumer,) = await told.spans(process=1)
    (exemplar,) = only(told.points("messaging.process.duration")).exemplars
    assert (exemplar.trace_id, exemplar.span_id) == (trace_id(consumer), span_id(consumer))


async def test_outcomes_waits_and_what_runs(queue: Queue, run_worker: Start, told: Told) -> None:
    worker = run_worker(nothing, fail, concurrency=3)
    await queue.enqueue("nothing")
    await queue.enqueue("fail", retries=2)
    await told.spans(process=3)
    outcomes = {
        (point.attributes["saq.job.function"], point.attributes["saq.job.status"]): point
        for point in told.points("saq.job.outcomes")
    }
    assert {name: (point.value, point.unit) for name, point in outcomes.items()} == {
        ("nothing", "complete"): (1, "{job}"),
        ("fail", "retried"): (1, "{job}"),
        ("fail", "failed"): (1, "{job}"),
    }
    assert outcomes["fail", "failed"].attributes["error.type"] == "LookupError"
    assert "error.type" not in outcomes["nothing", "complete"].attributes
    waits = {point.attributes["saq.job.function"]: point for point in told.points("saq.job.wait.duration")}
    assert {name: (point.value, point.unit, point.bounds) for name, point in waits.items()} == {
        "nothing": (1, "s", LONG_BUCKETS_S),
        "fail": (2, "s", LONG_BUCKETS_S),
    }
    active = only(told.points("saq.worker.jobs.active"))
    assert (active.value, active.unit, active.attributes) == (0, "{job}", {"messaging.destination.name": queue.name})
    assert only(told.points("saq.worker.concurrency")).value == 3
    failed = next(p for p in told.points("messaging.process.duration") if p.attributes["saq.job.function"] == "fail")
    assert failed.attributes["error.type"] == "LookupError"
    await worker.stop_in_background()
    assert told.points("saq.worker.concurrency") == []


async def test_a_running_job_is_counted_while_it_runs_and_an_aborted_one_once(
    queue: Queue, run_worker: Start, told: Told
) -> None:
    running = asyncio.Event()

    async def endless(_ctx: Any) -> None:
        running.set()
        await asyncio.Event().wait()

    run_worker(("endless", endless), timers={"abort": 1})
    job = await queue.enqueue("endless", timeout=0)
    assert job
    await running.wait()
    assert only(told.points("saq.worker.jobs.active")).value == 1
    await job.abort("enough")
    await told.spans(process=1)
    assert only(told.points("saq.worker.jobs.active")).value == 0
    outcome = only(told.points("saq.job.outcomes"))
    assert (outcome.value, outcome.attributes["saq.job.status"]) == (1, "aborted")


async def test_a_job_given_up_as_stuck_is_told_by_the_sweep(
    queue: Queue, key: str, told: Told, told_by_proxy: Told, broker: str
) -> None:
    await queue.enqueue("nothing", key=key, timeout=1)
    job = await queue.dequeue(timeout=5)
    assert job
    job.attempts, job.started = 1, 1
    await job.update(status=Status.ACTIVE)
    assert len(await queue.sweep(lock=1, abort=0.1)) == 1
    outcome = only((told_by_proxy if broker == "http" else told).points("saq.job.outcomes"))
    assert (outcome.attributes["saq.job.status"], outcome.attributes["error.type"]) == ("swept", "swept")


async def test_duplicates_are_counted_as_such(queue: Queue, key: str, told: Told) -> None:
    for _ in range(3):
        await queue.enqueue("nothing", key=key)
    sent = {
        point.attributes.get("saq.enqueue.deduplicated", False): point.value
        for point in told.points("messaging.client.sent.messages")
    }
    assert sent == {False: 1, True: 2}


async def test_a_bulk_counts_its_messages(queue: Queue, told: Told) -> None:
    await queue.enqueue_many(Job("nothing") for _ in range(5))  # type: ignore[attr-defined]
    assert only(told.points("messaging.client.sent.messages")).value == 5
    assert only(told.points("messaging.client.operation.duration")).value == 1


async def test_options_of_metrics(with_options: Callable[..., Queue], run_worker: Start, told: Told) -> None:
    queue = with_options(metric_function_attribute=False, process_buckets_s=[1, 60])
    run_worker(nothing)
    await queue.enqueue("nothing")
    await told.spans(process=1)
    process = only(told.points("messaging.process.duration"))
    assert process.bounds == (1, 60)
    names = ("messaging.process.duration", "saq.job.wait.duration", "saq.job.outcomes")
    assert not [p for name in names for p in told.points(name) if "saq.job.function" in p.attributes]


async def test_metrics_can_be_off(with_options: Callable[..., Queue], run_worker: Start, told: Told) -> None:
    queue = with_options(metrics=False)
    run_worker(nothing)
    await queue.enqueue("nothing")
    await told.spans(enqueue=1, process=1)
    assert told.reader.get_metrics_data() is None


@pytest.mark.parametrize("broker", ["redis", "postgres", "memory"], indirect=True)
async def test_one_worker_at_a_time_observes_the_queue(queue: Queue, told: Told) -> None:
    await queue.enqueue("nothing")
    await queue.enqueue("nothing", scheduled=4_000_000_000)
    first, second = Observer(queue, "first", 1), Observer(queue, "second", 1)
    await first.observe()
    states = {point.attributes["saq.queue.state"]: point.value for point in told.points("saq.queue.jobs")}
    assert states == {"queued": 1, "active": 0, "scheduled": 1}
    age = only(told.points("saq.queue.oldest_job.age"))
    assert (age.unit, 0 <= age.value < 60) == ("s", True)
    other = Told()
    other.telemetry().instrument(queue, replace=True)
    await second.observe()
    assert other.points("saq.queue.jobs") == []
    await first.observe()
    assert len(other.points("saq.queue.jobs")) == 3


async def test_no_attribute_is_without_bound(queue: Queue, key: str, run_worker: Start, told: Told) -> None:
    worker = run_worker(nothing, fail)
    await queue.enqueue("nothing", key=key)
    await queue.enqueue("fail")
    await told.spans(process=2)
    data = told.reader.get_metrics_data()
    assert data
    text = data.to_json()
    points = [
        point.attributes
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    assert points
    assert not [p for p in points if {key, str(worker.id), "on purpose"} & {str(v) for v in (p or {}).values()}]
    assert "on purpose" not in text
