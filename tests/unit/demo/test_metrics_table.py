from __future__ import annotations

from collections import Counter
from io import StringIO

from rich.console import Console

from demo.metrics_table import metrics_table
from demo.runs import Durations, Runs

RUNS = [
    Runs(
        queue="analysis",
        function="analyse_column",
        outcomes=Counter(complete=1200, retried=1),
        process=Durations(count=1201, sum_s=3603.0, within_s=float("inf")),
        wait=Durations(count=1201, sum_s=1.201, within_s=0.005),
        sent=1200,
    ),
    Runs(
        queue="reports",
        function="[b]split[/b]",
        outcomes=Counter(complete=1),
        process=Durations(count=1, sum_s=0.02, within_s=0.025),
        sent=2,
    ),
    Runs(queue="reports", function="swept", outcomes=Counter(swept=1), sent=2),
]


def _rows(found: list[Runs], *, complete: bool = True) -> list[str]:
    output = StringIO()
    Console(file=output, width=150).print(metrics_table(found, complete=complete))
    return [" ".join(line.split()) for line in output.getvalue().splitlines() if line.strip()]


def test_a_row_for_each_function_and_what_was_sent_once_for_each_queue() -> None:
    title, head, _, *rows = _rows(RUNS)
    assert (title, head) == (
        "Metrics so far",
        "queue function runs mean all within mean wait sent to the queue",
    )
    assert rows == [
        "analysis analyse_column 1,200 complete, 1 retried 3.00 s longer 1.0 ms 1,200",
        "reports [b]split[/b] 1 complete 20.0 ms 0.025 s - 2",
        "swept 1 swept - - -",
    ]


def test_what_has_not_all_arrived_is_said() -> None:
    assert _rows([], complete=False)[0] == "Metrics so far (incomplete)"
