"""The chart of a column, by pygal: an SVG that fetches nothing and runs no script."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pygal import Bar as BarChart  # type: ignore[import-untyped]  # pygal has no types
from pygal import HorizontalBar
from pygal.style import Style  # type: ignore[import-untyped]  # the same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference_app.histogram import Bar

__all__ = ("draw_chart",)

# pygal puts a finder for its maps among Python's own, of a kind that Python warns of at each module it does not find.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

_SVG = "http://www.w3.org/2000/svg"
_LABEL = 24
_MAJOR_LABELS = 4
# Seen on white and on near black alike, since an image does not know the page's colours.
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#80868b",
    foreground_strong="#80868b",
    foreground_subtle="#80868b",
    guide_stroke_color="#80868b55",
    major_guide_stroke_color="#80868b55",
    colors=("#3b82f6",),
    opacity=".85",
    font_family="system-ui, sans-serif",
    label_font_size=12,
    major_label_font_size=12,
    no_data_font_size=20,
    transition="0s",
)


def draw_chart(name: str, bars: Sequence[Bar], *, horizontal: bool) -> bytes:
    """Return the chart as an SVG document; the same column gives the same bytes.

    Args:
        name: the column's name, for whoever can't see the chart.
        bars: what it shows.
        horizontal: whether the bars lie, which leaves room for long labels.
    """
    shown = list(reversed(bars)) if horizontal else list(bars)
    chart = (HorizontalBar if horizontal else BarChart)(
        style=_STYLE,
        js=[],
        width=440,
        height=220,
        margin=10,
        margin_right=34,
        show_legend=False,
        truncate_label=_LABEL,
        no_data_text="No values",
        show_y_labels=bool(shown),
        x_labels_major_count=_MAJOR_LABELS,
        show_minor_x_labels=horizontal or len(shown) <= _MAJOR_LABELS,
    )
    chart.uuid = "chart"
    chart.x_labels = [_shown(bar.label) for bar in shown]
    if shown:
        chart.y_labels = _ticks(max(bar.count for bar in shown))
        chart.add("cells", [bar.count for bar in shown])
    return _document(chart.render_tree(), f"Frequencies of {_printable(name)}")


def _ticks(greatest: int) -> list[int]:
    """Return some round numbers from 0 up."""
    least = max(1, greatest / 4)
    power = 10 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return list(range(0, greatest + 1, step))


def _document(root: ET.Element, title: str) -> bytes:
    for parent in root.iter():
        # Comments, too: pygal writes the day into one.
        for child in [node for node in parent if not isinstance(node.tag, str) or node.tag.endswith("script")]:
            parent.remove(child)
    root.set("role", "img")
    root.set("aria-label", title)
    ET.register_namespace("", _SVG)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _shown(label: str) -> str:
    text = " ".join(_printable(label).split())
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def _printable(text: str) -> str:
    # XML has no way to write most control characters.
    return "".join(char if char.isprintable() else " " for char in text)
