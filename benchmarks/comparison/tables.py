"""The comparison as tables: a dash stands for what a queue can't do, or what was not measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.comparison.summary import pick
from benchmarks.page import markdown_table
from benchmarks.peers.adapter import NAP_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.comparison.summary import Summary
    from benchmarks.comparison.variants import Variant

__all__ = ("DASH", "IDEAL_NAPS", "make_tables")

DASH = "-"
IDEAL_NAPS = 50 / NAP_S
"""Jobs a second that 50 at once would be, if nothing took any time but their sleep."""
_WHOLE_FROM = 100
_TENTHS_FROM = 10
_TRACED = "drain-50-traced"


@dataclass(frozen=True)
class _Column:
    title: str
    step: str
    figures: tuple[str, ...]
    show: Callable[[float], str]


def make_tables(summary: Summary, variants: Sequence[Variant]) -> str:
    """Return all tables that have something to show, each with its title."""
    tables = (
        ("Jobs a second, and their ratio to SAQ's:", [*_rates(), _naps()]),
        ("Waiting, half of the jobs (p50) and 99 of 100 (p99) at most:", list(_waits(summary))),
        ("Cost of a job that does nothing, 50 at once, and of an idle worker:", list(_costs())),
        ("With jobs that wait already (jobs/s enqueued, drained):", list(_pairs(summary, "waiting-", ""))),
        ("With jobs that wait already (ms that `info()` takes, MB of the worker after that):", list(_kept(summary))),
        ("With larger payloads (jobs/s enqueued, drained):", list(_pairs(summary, "payload-", " B"))),
        ("With more worker processes (jobs/s drained):", list(_workers(summary))),
    )
    return "\n\n".join(
        f"{title}\n\n{text}" for title, columns in tables if (text := _table(summary, variants, columns))
    )


def _table(summary: Summary, variants: Sequence[Variant], columns: Sequence[_Column]) -> str:
    used = [column for column in columns if column.step in summary]
    if not used:
        return ""
    rows = [(variant.title, *(_cell(summary, variant.name, column) for column in used)) for variant in variants]
    for variant in variants:
        if _TRACED in summary and variant.name in summary[_TRACED] and any(one.step == "drain-50" for one in used):
            traced = [
                _cell({"drain-50": summary[_TRACED]}, variant.name, column) if column.step == "drain-50" else DASH
                for column in used
            ]
            rows.insert(1 + variants.index(variant), (f"{variant.title}, traced at 100 %", *traced))
    return markdown_table(("", *(column.title for column in used)), rows)


def _cell(summary: Summary, variant: str, column: _Column) -> str:
    values = [pick(summary, column.step, variant, figure) for figure in column.figures]
    shown = [DASH if value is None else column.show(value) for value in values]
    return DASH if set(shown) == {DASH} else " / ".join(shown)


def _rates() -> Iterable[_Column]:
    for title, step, figure in (
        ("enqueue", "enqueue", "jobs_per_s"),
        ("in bulk", "enqueue", "bulk_jobs_per_s"),
        ("drain, 10 at once", "drain-10", "jobs_per_s"),
        ("drain, 50 at once", "drain-50", "jobs_per_s"),
    ):
        yield _Column(title, step, (figure,), short)
        yield _Column("ratio", step, (f"{figure}_ratio",), lambda value: f"{value:.1f}")


def _naps() -> _Column:
    return _Column(
        f"10 ms jobs, of {IDEAL_NAPS:,.0f}",
        "naps",
        ("jobs_per_s",),
        lambda value: f"{value / IDEAL_NAPS * 100:.0f} %",
    )


def _waits(summary: Summary) -> Iterable[_Column]:
    both = ("p50_ms", "p99_ms")
    for step in sorted(step for step in summary if step.startswith("latency-")):
        yield _Column(f"start at {step.removeprefix('latency-')} % load, ms", step, both, short)
    yield _Column("round trip, ms", "round-trip", both, short)
    yield _Column("asked each 10 ms, ms", "round-trip-polled", both, short)


def _costs() -> Iterable[_Column]:
    for title, step, figure in (
        ("worker's CPU, µs", "drain-50", "cpu_us"),
        ("Redis' CPU, µs", "drain-50", "server_us"),
        ("commands", "drain-50", "commands"),
        ("worker's memory, MB", "drain-50", "memory_mb"),
        ("idle: commands/s", "idle", "commands_per_s"),
        ("idle: CPU, %", "idle", "cpu_percent"),
    ):
        yield _Column(title, step, (figure,), short)


def _pairs(summary: Summary, prefix: str, unit: str) -> Iterable[_Column]:
    for number in _numbers(summary, prefix):
        yield _Column(f"{number:,}{unit}", f"{prefix}{number}", ("enqueue_jobs_per_s", "jobs_per_s"), short)


def _kept(summary: Summary) -> Iterable[_Column]:
    for number in _numbers(summary, "waiting-"):
        yield _Column(f"{number:,}", f"waiting-{number}", ("info_ms", "memory_mb"), short)


def _workers(summary: Summary) -> Iterable[_Column]:
    for number in _numbers(summary, "workers-"):
        yield _Column(f"{number}", f"workers-{number}", ("jobs_per_s",), short)


def _numbers(summary: Summary, prefix: str) -> list[int]:
    return sorted(int(step.removeprefix(prefix)) for step in summary if re.fullmatch(rf"{prefix}\d+", step))


def short(value: float) -> str:
    """Return as many digits as matter."""
    if value >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _TENTHS_FROM else f"{value:.2f}"
