from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from reference_app.charts import draw_chart
from reference_app.histogram import Bar

AWKWARD = "<b>&\"' \x00\x07\ufffe\u202e☃\n" + "x" * 100


@pytest.mark.parametrize("horizontal", [True, False])
@pytest.mark.parametrize("counts", [[], [1], [3, 0, 5], [10**9] * 12])
def test_a_chart_has_a_bar_for_each(horizontal: bool, counts: list[int]) -> None:
    chart = draw_chart(
        "name", [Bar(label=f"l{at}", count=count) for at, count in enumerate(counts)], horizontal=horizontal
    )

    root = ET.fromstring(chart)
    rectangles = [node for node in root.iter() if "rect reactive" in node.get("class", "")]
    assert len(rectangles) == len(counts)
    assert root.get("aria-label") == "Frequencies of name"


@pytest.mark.parametrize("horizontal", [True, False])
def test_a_chart_runs_and_fetches_nothing(horizontal: bool) -> None:
    chart = draw_chart(AWKWARD, [Bar(label=AWKWARD, count=2), Bar(label="", count=1)], horizontal=horizontal)

    root = ET.fromstring(chart)
    assert not [node for node in root.iter() if "script" in str(node.tag)]
    assert not [name for node in root.iter() for name in node.attrib if name.endswith("href") or name.startswith("on")]
    assert b"http" not in chart.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"<b>" not in chart


def test_the_same_column_gives_the_same_bytes() -> None:
    bars = [Bar(label="a", count=2), Bar(label="b", count=1)]

    assert draw_chart("n", bars, horizontal=True) == draw_chart("n", bars, horizontal=True)
