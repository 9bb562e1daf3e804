"""How pygal draws the pictures: an SVG that fetches nothing, seen on white and on near black."""

from __future__ import annotations

import sys

from pygal.style import Style  # type: ignore[import-untyped]  # pygal has no types

__all__ = ("STYLE",)

# pygal puts a finder for its maps among Python's own, of a kind that Python warns of at each module it does not find.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#80868b",
    foreground_strong="#80868b",
    foreground_subtle="#80868b",
    guide_stroke_color="#80868b55",
    major_guide_stroke_color="#80868b55",
    colors=("#80868b", "#f59e0b", "#3b82f6", "#ef4444", "#10b981"),
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
    title_font_size=15,
    transition="0s",
)
