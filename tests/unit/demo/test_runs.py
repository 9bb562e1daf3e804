from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo.metrics import Metric
from demo.runs import Durations, Runs, are_counted, summarize_runs
from demo.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.spans import Span


def make_metric(name: str, queue: str, function: str = "", *, process: int = 1, **fields: Any) -> Metric:
    attributes = {"messaging.destination.name": queue} | ({"saq.job.function": function} if function else {})
    attributes |= fields.pop("attributes", {})
    resource = {"service.instance.id": str(process)}
    return Metric(name=name, unit="s", kind="SUM", attributes=attributes, resource=resource, **fields)


def outcome(status: str, count: int, **fields: Any) -> Metric:
    return make_metric("saq.job.outcomes", "q", "f", value=count, attributes={"saq.job.status": status}, **fields)


def ran(count: int) -> list[Metric]:
    """Return what a process tells of runs."""
    durations = {"count": count, "sum": 0.5 * count, "bounds": (1.0,), "buckets": (count, 0)}
    return [
        make_metric("messaging.process.duration", "q", "f", **durations),
        make_metric("saq.job.wait.duration", "q", "f", **durations),
        outcome("complete", count),
    ]


def test_runs_are_those_of_all_processes_together() -> None:
    buckets = {"bounds": (0.1, 1.0), "count": 2}
    found = summarize_runs(
        [
            make_metric("messaging.process.duration", "q", "f", process=1, sum=0.5, buckets=(1, 1, 0), **buckets),
            make_metric("messaging.process.duration", "q", "f", process=2, sum=0.1, buckets=(2, 0, 0), **buckets),
            make_metric("messaging.process.duration", "p", "g", sum=9.0, buckets=(1, 0, 1), **buckets),
            make_metric("saq.job.wait.duration", "q", "f", sum=4.0, buckets=(0, 2, 0), **buckets),
            outcome("complete", 2, process=1),
            outcome("complete", 1, process=2),
            outcome("retried", 1, process=2),
            make_metric("messaging.client.sent.messages", "q", process=1, value=3),
            make_metric("messaging.client.sent.messages", "q", process=2, value=1),
            make_metric("saq.queue.jobs", "q", value=7),
        ]
    )

    assert found == [
        Runs(queue="p", function="g", process=Durations(count=2, sum_s=9.0, within_s=float("inf"))),
        Runs(
            queue="q",
            function="f",
            outcomes={"complete": 3, "retried": 1},
            process=Durations(count=4, sum_s=0.6, within_s=1.0),
            wait=Durations(count=2, sum_s=4.0, within_s=1.0),
            sent=4,
        ),
    ]
    assert (found[1].process.mean_s, Durations().mean_s) == (0.15, None)


@pytest.fixture
def spans(make_span: Callable[..., Span]) -> list[Span]:
    """A request that enqueues two jobs, which run."""
    queue = {"messaging.destination.name": "q"}
    job: dict[str, Any] = {"kind": "CONSUMER", "attributes": queue | {"saq.job.function": "f"}}
    return [
        make_span(1, kind="SERVER"),
        *(make_span(number, 1, kind="PRODUCER", attributes=queue) for number in (2, 3)),
        *(make_span(number + 2, number, **job) for number in (2, 3)),
    ]


SENT = make_metric("messaging.client.sent.messages", "q", value=2)


@pytest.mark.parametrize(
    ("metrics", "counted"),
    [
        ([], False),
        ([SENT], False),
        (ran(2), False),
        ([*ran(1), SENT], False),
        ([*ran(2)[:2], SENT], False),
        ([*ran(2)[1:], SENT], False),
        ([*ran(2), make_metric("messaging.client.sent.messages", "q", value=1)], False),
        ([*ran(2), SENT], True),
        ([*ran(5), SENT], True),
    ],
)
def test_a_trace_is_counted_when_each_metric_has_all_of_it(
    spans: list[Span], metrics: list[Metric], counted: bool
) -> None:
    assert are_counted(Trace(spans), spans, metrics) is counted


def test_a_trace_is_counted_with_those_before_it(spans: list[Span], make_span: Callable[..., Span]) -> None:
    earlier = [make_span(9, trace_id="1" * 32, kind="CONSUMER", attributes=spans[-1].attributes)]
    other = [make_span(8, trace_id="2" * 32, kind="CONSUMER", attributes={"messaging.destination.name": "never told"})]

    assert not are_counted(Trace(spans), [*earlier, *other, *spans], [*ran(2), SENT])
    assert are_counted(Trace(spans), [*earlier, *other, *spans], [*ran(3), SENT])
