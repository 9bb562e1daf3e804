from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from demo.report_table import report_table

COLUMN = {
    "name": "age",
    "type": "integer",
    "count": 1200,
    "nulls": 3,
    "distinct": 40,
    "min": 1,
    "max": 99,
    "mean": 40.25,
    "top": [{"value": 18, "count": 70}, {"value": 21, "count": 60}, {"value": 3, "count": 2}, {"value": 4, "count": 1}],
}


def _rows(columns: list[dict[str, Any]]) -> list[list[str]]:
    output = StringIO()
    Console(file=output, width=200).print(report_table("people.csv", {"rows": 1203, "columns": columns}))
    return [line.rstrip().split(maxsplit=8) for line in output.getvalue().splitlines() if line.strip()]


def test_a_row_for_each_column_of_the_file() -> None:
    title, head, _, row = _rows([COLUMN])
    assert title == ["people.csv:", "1,203", "rows"]
    assert head == ["column", "type", "count", "nulls", "distinct", "min", "max", "mean", "most frequent"]
    cells = ["age", "integer", "1,200", "3", "40", "1", "99", "40.25", "18 (70), 21 (60), 3 (2)"]
    assert row == cells


def test_what_a_column_has_not_is_a_dash_and_markup_is_text() -> None:
    column = COLUMN | {"name": "[b]x[/b]", "type": "string", "min": None, "max": None, "mean": None, "top": []}
    *_, row = _rows([column])
    assert row == ["[b]x[/b]", "string", "1,200", "3", "40", "-", "-", "-"]


def test_long_texts_are_cut_and_a_file_may_have_no_columns() -> None:
    *_, row = _rows([COLUMN | {"name": "n" * 300, "min": "m" * 300}])
    assert row[0] == "n" * 23 + "…"
    assert row[5] == "m" * 23 + "…"
    assert len(_rows([])) == 3
