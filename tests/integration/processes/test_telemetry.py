"""One trace through an API and two workers, in real processes; all of it is read from what was exported."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from demo.receiver import OtlpReceiver
from demo.spans import Span
from tests.integration.processes.run import ARGUMENT
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.integration.processes.litestar_process import LitestarProcess
    from tests.integration.processes.run import Run

every_method = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


async def serve(run: Run, **environment: object) -> tuple[LitestarProcess, httpx.AsyncClient]:
    port = free_port()
    process = run.start("--app", "traced_app:app", "run", "--port", str(port), **environment)
    await run.says(process, "Uvicorn running on")
    return process, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)


def workers(run: Run, *letters: str, **environment: object) -> LitestarProcess:
    queues = ",".join(run.queue_name(letter) for letter in letters)
    return run.workers("--queues", queues, app="traced_app:app", **environment)


async def end(run: Run, *processes: LitestarProcess) -> None:
    for process in processes:
        process.signal(signal.SIGTERM)
    for process in processes:
        assert await run.exit(process) in {0, -signal.SIGTERM}


def named(spans: list[Span], operation: str, **attributes: object) -> list[Span]:
    found = [
        span
        for span in spans
        if span.name.partition(" ")[0] == operation and attributes.items() <= span.attributes.items()
    ]
    return sorted(found, key=lambda span: span.start_ns)


def function(name: str) -> dict[str, str]:
    return {"saq.job.function": name}


async def test_a_request_and_what_it_causes_are_one_trace(run: Run, otlp_receiver: OtlpReceiver) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.endpoint}
    a, b = workers(run, "a", **environment), workers(run, "b", **environment)
    api, client = await serve(run, **environment)
    await run.workers_live(1, "a", "b")
    async with client:
        assert (await client.post("/first", params={"secret": ARGUMENT})).status_code == 202
    queue = await run.queue("b")

    async def done() -> bool:
        return [worker["stats"]["complete"] for worker in (await queue.info())["workers"].values()] == [1]

    await run.until(done, "the end of the second job")
    await end(run, api, a, b)
    spans = otlp_receiver.spans()
    assert len({span.trace_id for span in spans}) == 1
    chain = [*named(spans, "own")]
    while chain[0].parent_id:
        chain.insert(0, next(span for span in spans if span.span_id == chain[0].parent_id))
    assert [(span.service, span.kind) for span in chain] == [
        ("api", "SERVER"),
        ("api", "PRODUCER"),
        ("worker-a", "CONSUMER"),
        ("worker-a", "PRODUCER"),
        ("worker-b", "CONSUMER"),
        ("worker-b", "INTERNAL"),
    ]
    assert len(spans) == len(chain)
    for producer, consumer in (chain[1:3], chain[3:5]):
        assert [link.span_id for link in consumer.links] == [producer.span_id]
    assert ARGUMENT not in repr(spans)


async def test_every_operation_over_the_wire(run: Run, otlp_receiver: OtlpReceiver) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.endpoint}
    worker = workers(run, "b", CRON="b", **environment)
    api, client = await serve(run, **environment)
    await run.workers_live(1, "b")
    async with client:
        assert (await client.post("/operations", params={"secret": ARGUMENT})).status_code == 202
    await run.told("tick", times=2)
    queue = await run.queue("b")

    async def done() -> bool:
        (worker,) = (await queue.info())["workers"].values()
        stats = worker["stats"]
        return (stats["failed"], stats["aborted"] > 0, stats["complete"] >= 5) == (1, True, True)

    await run.until(done, "the end of the jobs")
    await end(run, worker, api)
    spans = otlp_receiver.spans()
    (server,) = [span for span in spans if span.kind == "SERVER"]
    trace = [span for span in spans if span.trace_id == server.trace_id]
    by_id = {span.span_id: span for span in trace}
    (apply,), (outer,) = named(trace, "apply"), named(trace, "map")
    assert apply.kind == outer.kind == "INTERNAL"
    assert [by_id[span.parent_id or ""].name.partition(" ")[0] for span in named(trace, "enqueue")][:3] == [
        "apply",
        "map",
        "map",
    ]
    creates = named(trace, "create")
    (send,) = [span for span in named(trace, "enqueue") if "messaging.batch.message_count" in span.attributes]
    assert (send.kind, [link.span_id for link in send.links]) == ("CLIENT", [span.span_id for span in creates])
    assert [span.kind for span in creates] == ["PRODUCER", "PRODUCER"]
    first, second = named(trace, "process", **function("fail"))
    assert [span.status for span in (first, second)] == ["ERROR", "ERROR"]
    assert second.links[-1].span_id == first.span_id
    assert first.parent_id == second.parent_id
    (aborted,) = named(trace, "process", **function("held"))
    assert (aborted.status, aborted.events[0].name) == ("UNSET", "saq.job.aborted")
    assert len(named(trace, "abort")) == 1
    (duplicate,) = named(trace, "enqueue", **{"saq.enqueue.deduplicated": True})
    assert duplicate.status == "UNSET"
    assert {span.kind for span in named(trace, "process")} == {"CONSUMER"}
    runs = named(spans, "process", **function("tick"))
    assert len(runs) >= 2
    assert len({span.trace_id for span in runs}) == len(runs)
    assert {(span.parent_id, span.links) for span in runs} == {(None, ())}
    outcomes = {
        (point.attributes["saq.job.function"], point.attributes["saq.job.status"])
        for point in otlp_receiver.metrics("saq.job.outcomes")
    }
    assert {("second", "complete"), ("fail", "retried"), ("fail", "failed"), ("held", "aborted")} <= outcomes
    assert ARGUMENT not in repr(spans) + repr(otlp_receiver.metrics())


@every_method
@pytest.mark.parametrize("arguments", [(), ("--workers", "2")])
async def test_what_was_recorded_is_flushed_at_the_end(
    run: Run, otlp_receiver: OtlpReceiver, method: str, arguments: tuple[str, ...]
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.endpoint, "METHOD": method}
    process = run.workers(*arguments, app="traced_app:app", **environment)
    await run.workers_live(len(arguments) or 1, "a", "b")
    jobs = [await run.enqueue("second", letter) for letter in "ab" * 5]
    for job in jobs:
        await run.ended(job)
    await end(run, process)
    runs = named(otlp_receiver.spans(), "process")
    assert {span.attributes["messaging.message.id"] for span in runs} == {job.key for job in jobs}
    assert len(runs) == len(jobs)
    assert {span.service for span in runs} == {"worker-a", "worker-b"}
    counted = sum(point.value for point in otlp_receiver.metrics("saq.job.outcomes"))
    assert counted == len(jobs)


@pytest.mark.parametrize("environment", [{"BURST": "a"}, {"BURST": "ab", "THREADS": "1"}])
async def test_a_burst_that_ends_loses_nothing(
    run: Run, otlp_receiver: OtlpReceiver, environment: dict[str, str]
) -> None:
    jobs = [await run.enqueue("second") for _ in range(3)]
    letters = environment["BURST"]
    process = workers(run, *letters, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint, **environment)
    assert await run.exit(process) == 0
    runs = named(otlp_receiver.spans(), "process")
    assert {span.attributes["messaging.message.id"] for span in runs} == {job.key for job in jobs}


async def test_the_setup_is_called_once_in_each_process(run: Run, otlp_receiver: OtlpReceiver) -> None:
    process, client = await serve(run, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint, SERVE=1)
    await client.aclose()
    await run.workers_live(1, "a", "b")
    await end(run, process)
    calls = run.events("set up")
    assert sorted(call["queues"] for call in calls) == [[], [run.queue_name("a")], [run.queue_name("b")]]
    assert len({call["pid"] for call in calls}) == 3


@pytest.fixture
def absent_collector() -> Iterator[str]:
    """A collector that is away: nobody listens at its port, and nobody else can get it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def hanging_collector() -> Iterator[str]:
    """A collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in held:
            one.close()


@pytest.mark.parametrize("letters", ["a", "ab"])
@pytest.mark.parametrize("away", [True, False])
async def test_a_dead_collector_delays_neither_jobs_nor_the_end(
    run: Run, absent_collector: str, hanging_collector: str, letters: str, away: bool
) -> None:
    endpoint = absent_collector if away else hanging_collector
    process = workers(run, *letters, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, FLUSH=2)
    await run.workers_live(1, *letters)
    for letter in letters:
        assert (await run.ended(await run.enqueue("second", letter))).status == "complete"
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    # What an idle worker takes for its end, the flush, and a stall: the SDK alone would take 30 s.
    assert time.monotonic() - process.signalled_at < 28
