"""The picture of the waiting time over the day, by pygal: an SVG that fetches nothing and runs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygal import Line  # type: ignore[import-untyped]  # pygal has no types

from benchmarks.chart_style import STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ("BUCKET_S", "draw_waits")

BUCKET_S = 1800.0
"""What a point of the picture sums up."""
_LEAST_S = 0.1
"""The axis is logarithmic, and what is less than this is no waiting."""
_LABEL_HOURS = 2


def draw_waits(title: str, waits: Mapping[str, Sequence[float]]) -> bytes:
    """Return the chart as an SVG document; the same waits give the same bytes.

    Args:
        title: what is shown.
        waits: of each setting the longest wait in each `BUCKET_S` of the day, in seconds.
    """
    chart = Line(
        style=STYLE,
        js=[],
        width=1000,
        height=470,
        title=title,
        logarithmic=True,
        show_dots=False,
        stroke_style={"width": 2},
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        truncate_legend=-1,
        truncate_label=-1,
        x_title="hour of the day",
        x_labels_major_every=int(_LABEL_HOURS * 3600 / BUCKET_S),
        show_minor_x_labels=False,
        y_labels=[_LEAST_S, 1, 10, 100, 1000],
        value_formatter=lambda seconds: f"{seconds:g} s",
    )
    chart.uuid = "waits"
    chart.x_labels = [f"{at * BUCKET_S / 3600:g}" for at in range(max(map(len, waits.values())))]
    for name, values in waits.items():
        chart.add(name, [max(_LEAST_S, wait) for wait in values])
    return bytes(chart.render())
