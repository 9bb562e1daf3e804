"""A report as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("report_table",)

_COUNTS = ("count", "nulls", "distinct")
_VALUES = ("min", "max", "mean")
_TOP = 3
_CELL_WIDTH = 24


def report_table(title: str, report: Mapping[str, Any]) -> Table:
    """Return the figures of each column, one row a column of the file."""
    table = Table(title=Text(f"{title}: {report['rows']:,} rows"), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("column", style="bold", max_width=_CELL_WIDTH)
    table.add_column("type", style="dim")
    for name in (*_COUNTS, *_VALUES):
        table.add_column(name, justify="right", max_width=_CELL_WIDTH)
    table.add_column("most frequent", max_width=2 * _CELL_WIDTH)
    for column in report["columns"]:
        table.add_row(*(Text(text, overflow="ellipsis", no_wrap=True) for text in _cells(column)))
    return table


def _cells(column: Mapping[str, Any]) -> list[str]:
    counts = [f"{column[name]:,}" for name in _COUNTS]
    values = [_value(column[name]) for name in _VALUES]
    top = ", ".join(f"{_value(entry['value'])} ({entry['count']:,})" for entry in column["top"][:_TOP])
    return [column["name"], column["type"], *counts, *values, top]


def _value(value: Any) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)
