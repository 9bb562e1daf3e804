from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from demo.trace import Trace
from demo.trace_tree import trace_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.spans import Span


def _shown(trace: Trace, **options: int) -> list[str]:
    output = StringIO()
    Console(file=output, width=120).print(trace_tree("abc", trace, **options))
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_spans_stand_under_their_parents(make_span: Callable[..., Span]) -> None:
    spans = [
        make_span(1, name="POST /reports", kind="SERVER", start=0, end=20),
        make_span(2, 1, name="enqueue reports", kind="PRODUCER", start=10, end=12),
        make_span(
            3,
            2,
            name="process reports",
            kind="CONSUMER",
            service="worker-reports",
            start=30,
            end=1530,
            attributes={"saq.job.function": "split_report"},
        ),
        make_span(4, 1, name="answer", start=15, end=16),
    ]
    assert _shown(Trace(spans)) == [
        "Trace abc  4 spans of 2 services in 1,530 ms",
        "└── 20.0 ms  api  POST /reports  SERVER  at 0 ms",
        "    ├── 2.0 ms  api  enqueue reports  PRODUCER  at 10 ms",
        "    │   └── 1,500.0 ms  worker-reports  process reports (split_report)  CONSUMER  at 30 ms",
        "    └── 1.0 ms  api  answer  INTERNAL  at 15 ms",
    ]


def test_an_error_and_an_incomplete_trace_say_so(make_span: Callable[..., Span]) -> None:
    shown = _shown(Trace([make_span(2, 1, name="[red]job[/red]", status="ERROR", status_message="no such column")]))
    assert shown == [
        "Trace abc  1 spans of 1 services in 1 ms  (incomplete)",
        "└── 1.0 ms  api  [red]job[/red]  INTERNAL  at 0 ms  no such column",
    ]


def test_commands_to_redis_are_told_by_what_sends_them(make_span: Callable[..., Span]) -> None:
    redis = {"attributes": {"db.system": "redis"}, "kind": "CLIENT"}
    spans = [
        make_span(1, name="POST /reports", kind="SERVER", start=0, end=20),
        make_span(2, 1, name="GET", start=1, end=3, **redis),
        make_span(3, 1, name="HSET EXPIREAT", start=4, end=5, **redis),
        make_span(4, 1, name="EVALSHA", start=6, end=7, status="ERROR", status_message="no such script", **redis),
        make_span(5, name="PING", start=8, end=9, **redis),
    ]
    assert _shown(Trace(spans)) == [
        "Trace abc  5 spans of 1 services in 20 ms",
        "├── 20.0 ms  api  POST /reports  SERVER  at 0 ms  2 to Redis, 3.0 ms",
        "│   └── 1.0 ms  api  EVALSHA  CLIENT  at 6 ms  no such script",
        "└── 1.0 ms  api  PING  CLIENT  at 8 ms",
    ]


def test_a_very_long_trace_is_cut(make_span: Callable[..., Span]) -> None:
    shown = _shown(Trace([make_span(1), *(make_span(number, 1, start=number) for number in range(2, 8))]), max_spans=3)
    assert [line.split("  ")[-1] for line in shown[1:]] == [
        "at 0 ms",
        "at 2 ms",
        "at 3 ms",
        "└── and 4 more spans, which the trace's page shows",
    ]
