"""The picture of the comparison: jobs a second of each queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygal import HorizontalBar  # type: ignore[import-untyped]  # pygal has no types

from benchmarks.chart_style import STYLE
from benchmarks.comparison.summary import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.comparison.summary import Summary
    from benchmarks.comparison.variants import Variant

__all__ = ("draw_rates",)

_BARS = (
    ("enqueue", "jobs_per_s", "enqueue, 100 at a time"),
    ("enqueue", "bulk_jobs_per_s", "enqueue by one call, where there is one"),
    ("drain-10", "jobs_per_s", "drain, 10 at once"),
    ("drain-50", "jobs_per_s", "drain, 50 at once"),
)
_ROW = 90
_REST = 150


def draw_rates(summary: Summary, variants: Sequence[Variant]) -> bytes:
    """Return the chart as an SVG document; the same figures give the same bytes."""
    chart = HorizontalBar(
        style=STYLE,
        js=[],
        width=1000,
        height=_ROW * len(variants) + _REST,
        title="Jobs a second, one process",
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        truncate_legend=-1,
        truncate_label=-1,
        value_formatter=lambda value: f"{value:,.0f}",
        print_values=False,
    )
    chart.uuid = "peers"
    # It draws from below.
    drawn = list(reversed(variants))
    chart.x_labels = [variant.title for variant in drawn]
    for step, figure, title in _BARS:
        chart.add(title, [pick(summary, step, variant.name, figure) for variant in drawn])
    return bytes(chart.render())
