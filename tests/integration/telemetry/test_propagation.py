"""How runs are related to what enqueued them, and what goes along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind
from saq.queue.base import Queue

from litestar_saq import Job, Worker
from litestar_saq._metadata import CARRIER
from litestar_saq.telemetry import propagation
from litestar_saq.telemetry.carrier import MAX_BAGGAGE_BYTES
from tests.integration.telemetry.conftest import Told, attributes, is_child, linked, span_id, trace_id

Start = Callable[..., Worker]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def nothing(_ctx: Any) -> None: ...


async def told_baggage(_ctx: Any) -> dict[str, object]:
    return dict(baggage.get_all())


def by_function(job: Job) -> Any:
    return "link" if job.function == "nothing" else "parent"


@pytest.mark.parametrize("mode", ["link", "none", by_function])
async def test_the_options_choose_the_relation(
    with_options: Callable[..., Queue], run_worker: Start, told: Told, mode: Any
) -> None:
    queue = with_options(propagation=mode)
    run_worker(nothing)
    await queue.enqueue("nothing")
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert consumer.parent is None
    assert trace_id(consumer) != trace_id(producer)
    assert linked(consumer) == ([] if mode == "none" else [span_id(producer)])


async def test_who_enqueues_can_choose_it_for_a_job(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(nothing)
    with propagation("link"):
        await queue.enqueue("nothing")
    with propagation("none"):
        job = await queue.enqueue("nothing")
    assert job
    assert "traceparent" not in job.meta[CARRIER]
    link_producer, none_producer, *consumers = await told.spans(enqueue=2, process=2)
    assert all(consumer.parent is None for consumer in consumers)
    assert sorted(map(linked, consumers)) == [[], [span_id(link_producer)]]
    assert none_producer.kind is link_producer.kind is SpanKind.PRODUCER


async def test_a_wrong_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'parent', 'link', 'none'"), propagation("child"):  # type: ignore[arg-type]
        pass


async def test_the_run_of_apply_is_always_a_descendant(
    with_options: Callable[..., Queue], run_worker: Start, told: Told
) -> None:
    queue = with_options(propagation="link")
    run_worker(nothing)
    await queue.apply("nothing", poll_interval=0.05)
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert is_child(consumer, producer)


async def test_a_job_that_waited_for_long_starts_its_own_trace(
    with_options: Callable[..., Queue], run_worker: Start, told: Told
) -> None:
    queue = with_options(max_parent_delay_s=0.001)
    job = await queue.enqueue("nothing")
    assert job
    await job.update(queued=job.queued - 1000)
    run_worker(nothing)
    producer, consumer = await told.spans(enqueue=1, process=1)
    assert consumer.parent is None
    assert linked(consumer) == [span_id(producer)]
    assert attributes(consumer)["saq.job.wait_ms"] >= 1000


async def test_headers_of_producers_in_other_languages_are_read(queue: Queue, run_worker: Start, told: Told) -> None:
    run_worker(nothing)
    await queue.enqueue("nothing", meta={"traceparent": PARENT})
    sender, consumer = await told.spans(enqueue=1, process=1)
    # It sends what was created elsewhere, so its context does not take that one's place.
    assert sender.kind is SpanKind.CLIENT
    assert linked(sender) == linked(consumer) == [0xB7AD6B7169203331]
    assert trace_id(consumer) == 0x0AF7651916CD43DD8448EB211C80319C


async def test_a_trace_that_is_not_sampled_is_carried_too(queue: Queue, run_worker: Start, told: Told) -> None:
    seen = []

    async def look(_ctx: Any) -> None:
        seen.append(trace.get_current_span().get_span_context())

    run_worker(("look", look))
    unsampled = PARENT[:-2] + "00"
    await queue.apply("look", meta={"traceparent": unsampled}, poll_interval=0.05)
    assert f"{seen[0].trace_id:032x}" in unsampled
    assert not seen[0].trace_flags.sampled
    assert not told.named("process")


@pytest.mark.parametrize("mode", ["parent", "link", "none"])
async def test_baggage_goes_along_in_every_mode(
    with_options: Callable[..., Queue], run_worker: Start, mode: str
) -> None:
    queue = with_options(propagation=mode)
    run_worker(told_baggage)
    token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        assert await queue.apply("told_baggage", poll_interval=0.05) == {"tenant": "acme"}
    finally:
        otel_context.detach(token)
    assert await queue.apply("told_baggage", poll_interval=0.05) == {}


async def test_baggage_can_stay_behind(with_options: Callable[..., Queue], run_worker: Start) -> None:
    queue = with_options(propagate_baggage=False)
    run_worker(told_baggage)
    token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        job = await queue.enqueue("told_baggage")
        assert job
        assert "baggage" not in job.meta[CARRIER]
    finally:
        otel_context.detach(token)


async def test_very_much_baggage_stays_behind_and_the_trace_does_not(queue: Queue) -> None:
    context = otel_context.get_current()
    for number in range(4):
        context = baggage.set_baggage(f"k{number}", "x" * (MAX_BAGGAGE_BYTES // 3), context)
    token = otel_context.attach(context)
    try:
        job = await queue.enqueue("nothing")
    finally:
        otel_context.detach(token)
    assert job
    assert job.meta[CARRIER]["traceparent"]
    # W3C's propagator leaves out what goes over the limit by itself.
    assert len(job.meta[CARRIER].get("baggage", "")) <= MAX_BAGGAGE_BYTES


async def test_what_is_carried_is_not_in_a_jobs_description(queue: Queue) -> None:
    job = await queue.enqueue("nothing", meta={"mine": 1})
    assert job
    job.meta = {CARRIER: job.meta[CARRIER]}
    assert "meta" not in job.info(full=True)
    assert "traceparent" not in job.info(full=True) + repr(job)


@pytest.mark.parametrize("broker", ["http"], indirect=True)
async def test_a_proxy_sends_on_what_its_client_has_created(
    queue: Queue, run_worker: Start, told: Told, told_by_proxy: Told
) -> None:
    job = await queue.enqueue("nothing")
    assert job
    run_worker(nothing)
    producer, consumer = await told.spans(enqueue=1, process=1)
    (proxied,) = await told_by_proxy.spans(enqueue=1)
    assert (proxied.kind, linked(proxied)) == (SpanKind.CLIENT, [span_id(producer)])
    assert attributes(proxied).items() >= {"saq.proxied": True, "messaging.message.id": job.key}.items()
    assert is_child(consumer, producer)
    stored = await queue.job(job.key)
    assert stored
    assert stored.meta[CARRIER]["traceparent"] == job.meta[CARRIER]["traceparent"]
    assert [point.value for point in told.points("messaging.client.sent.messages")] == [1]
    assert told_by_proxy.points("messaging.client.sent.messages") == []
