"""What a column's chart shows: values, or ranges of values, and how many cells have each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from reference_app.column_types import ColumnType

__all__ = ("Bar", "count_bars")

_BARS = 12
_FREQUENT = 6
_DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = "CAST(epoch(CAST(value[:19] AS TIMESTAMP)) AS HUGEINT)"
_WHOLE = {"integer": "value", "date": f"{_SECONDS} // {_DAY_S}", "datetime": _SECONDS}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a chart."""

    label: str
    """A value, or the least value of a range that ends where the next bar's begins."""
    count: int
    """How many cells have it."""


def count_bars(connection: duckdb.DuckDBPyConnection, column_type: ColumnType, distinct: int) -> list[Bar]:
    """Return the bars of a column.

    Args:
        connection: has the table `frequencies` of values and their `count`.
        column_type: the column's type.
        distinct: how many values there are.
    """
    if column_type == "string":
        return _frequent(connection, distinct)
    if distinct <= _BARS:
        rows = connection.execute("SELECT value, count FROM frequencies ORDER BY value").fetchall()
        return [Bar(label=_label(value), count=count) for value, count in rows]
    if column_type == "number":
        return _ranges_of_numbers(connection)
    return _ranges_of_wholes(connection, column_type)


def _frequent(connection: duckdb.DuckDBPyConnection, distinct: int) -> list[Bar]:
    # No chart has room for a cell of megabytes.
    query = "SELECT left(value, 100), count FROM frequencies ORDER BY count DESC, value LIMIT $1"
    bars = [Bar(label=value, count=count) for value, count in connection.execute(query, [_FREQUENT]).fetchall()]
    if (others := distinct - len(bars)) > 0:
        row = connection.execute("SELECT CAST(sum(count) AS BIGINT) FROM frequencies").fetchone()
        total = row[0] if row else 0
        bars.append(Bar(label=f"{others} others", count=total - sum(bar.count for bar in bars)))
    return bars


def _ranges_of_wholes(connection: duckdb.DuckDBPyConnection, column_type: ColumnType) -> list[Bar]:
    """Return ranges of as many whole numbers, days or seconds each."""
    position = _WHOLE[column_type]
    bounds = connection.execute(f"SELECT min({position}), max({position}) FROM frequencies").fetchone()  # noqa: S608 - from _WHOLE
    least, greatest = (int(bound) for bound in bounds or (0, 0))
    width = (greatest - least) // _BARS + 1
    counts = _counts(connection, f"({position} - $1::HUGEINT) // $2::HUGEINT", [least, width])
    label = _WHOLE_LABELS[column_type]
    return [
        Bar(label=label(start), count=counts.get(at, 0)) for at, start in enumerate(range(least, greatest + 1, width))
    ]


def _ranges_of_numbers(connection: duckdb.DuckDBPyConnection) -> list[Bar]:
    """Return ranges of the same width; each holds its lower end."""
    least, greatest = connection.execute("SELECT min(value), max(value) FROM frequencies").fetchone() or (0.0, 0.0)
    # Of halves the difference can't overflow.
    width = (greatest / 2 - least / 2) / _BARS
    at_most = _BARS - 1
    counts = _counts(connection, "least(floor((value / 2 - $1) / $2), $3)", [least / 2, width, at_most])
    return [Bar(label=f"{2 * (least / 2 + width * at):.4g}", count=counts.get(at, 0)) for at in range(_BARS)]


def _counts(connection: duckdb.DuckDBPyConnection, bin_of_value: str, bounds: list[Any]) -> dict[int, int]:
    query = f"SELECT CAST({bin_of_value} AS BIGINT) AS bin, CAST(sum(count) AS BIGINT) FROM frequencies GROUP BY bin"  # noqa: S608 - constants of this module
    return dict(connection.execute(query, bounds).fetchall())


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(" ")


_WHOLE_LABELS: dict[str, Callable[[int], str]] = {"integer": str, "date": _day, "datetime": _second}
