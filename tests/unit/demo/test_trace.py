from __future__ import annotations

from typing import TYPE_CHECKING

from demo.spans import Link
from demo.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.spans import Span


def test_an_empty_trace_is_not_complete() -> None:
    trace = Trace([])
    assert not trace.complete
    assert (trace.roots, trace.start_ns, trace.duration_ms, trace.services) == ([], 0, 0, [])


def test_walk_goes_by_start_and_depth(make_span: Callable[..., Span]) -> None:
    root, late, early, under = (
        make_span(1),
        make_span(2, 1, start=5),
        make_span(3, 1, start=2),
        make_span(4, 2, start=6),
    )
    assert list(Trace([under, late, root, early]).walk()) == [(0, root), (1, early), (1, late), (2, under)]


def test_a_span_whose_parent_has_not_arrived_is_a_root_of_an_incomplete_trace(make_span: Callable[..., Span]) -> None:
    orphan = make_span(2, 1)
    trace = Trace([orphan])
    assert trace.roots == [orphan]
    assert not trace.complete
    assert Trace([orphan, make_span(1)]).complete


def test_a_trace_is_complete_when_each_enqueued_job_has_run(make_span: Callable[..., Span]) -> None:
    spans = [make_span(1, kind="SERVER"), make_span(2, 1, kind="PRODUCER")]
    assert not Trace(spans).complete
    assert Trace([*spans, make_span(3, 2, kind="CONSUMER")]).complete


def test_a_run_may_be_linked_rather_than_under_its_enqueue(make_span: Callable[..., Span]) -> None:
    producer = make_span(1, kind="PRODUCER")
    link = Link(trace_id=producer.trace_id, span_id=producer.span_id)
    assert Trace([producer, make_span(2, kind="CONSUMER", links=(link,))]).complete


def test_no_run_is_waited_for_where_no_job_was_made(make_span: Callable[..., Span]) -> None:
    assert Trace([make_span(1, kind="PRODUCER", attributes={"saq.enqueue.deduplicated": True})]).complete
    assert Trace([make_span(1, kind="PRODUCER", status="ERROR")]).complete


def test_duration_and_services(make_span: Callable[..., Span]) -> None:
    trace = Trace([make_span(2, 1, start=12, end=40, service="worker"), make_span(1, start=10, end=15)])
    assert trace.duration_ms == 30
    assert trace.services == ["api", "worker"]
