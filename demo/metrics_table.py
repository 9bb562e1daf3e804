"""The metrics of runs as a table for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.runs import Durations, Runs

__all__ = ("metrics_table",)


def metrics_table(found: Sequence[Runs], *, complete: bool = True) -> Table:
    """Return a row for each queue and function; what was sent to a queue is in its first row.

    Args:
        found: the runs, those of a queue one after the other.
        complete: whether all that was waited for has arrived.
    """
    title = Text.assemble(("Metrics so far", "bold"), ("" if complete else "  (incomplete)", "red"))
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("queue", style="bold")
    table.add_column("function")
    table.add_column("runs")
    for name in ("mean", "all within", "mean wait", "sent to the queue"):
        table.add_column(name, justify="right")
    last = None
    for runs in found:
        first = runs.queue != last
        last = runs.queue
        table.add_row(*map(Text, _cells(runs, first=first)))
    return table


def _cells(runs: Runs, *, first: bool) -> list[str]:
    outcomes = ", ".join(f"{count:,} {status}" for status, count in sorted(runs.outcomes.items())) or "-"
    durations = [_seconds(runs.process.mean_s), _within(runs.process), _seconds(runs.wait.mean_s)]
    return [runs.queue if first else "", runs.function, outcomes, *durations, f"{runs.sent:,}" if first else ""]


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f} s" if value >= 1 else f"{value * 1000:,.1f} ms"


def _within(durations: Durations) -> str:
    if not durations.count:
        return "-"
    return "longer" if math.isinf(durations.within_s) else f"{durations.within_s:g} s"
