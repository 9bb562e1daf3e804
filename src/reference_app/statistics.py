"""The figures of a column, by DuckDB."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb

from reference_app.column_types import FORMS, Form
from reference_app.histogram import Bar, count_bars

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reference_app.column_types import ColumnType

__all__ = ("Figures", "analyse")

_TOP = 5
_FETCHED = 50_000

# A worker runs several jobs at once, so each has one thread; and a second run adds up in the same order. What is
# analysed comes from anywhere: nothing in it can make the engine read, write or fetch a file.
_OPTIONS: dict[str, Any] = {
    "threads": 1,
    "enable_external_access": False,
    "temp_directory": "",
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a column, as they are reported."""

    name: str
    type: ColumnType
    count: int
    """How many cells are not null."""
    nulls: int
    distinct: int
    """How many different values there are, null apart."""
    min: Any
    max: Any
    mean: float | None
    """The mean of integers and numbers."""
    top: list[dict[str, Any]]
    """The most frequent values with their `count`; of two that are as frequent the lesser is first."""


def analyse(name: str, chunks: Iterable[list[str | None]]) -> tuple[Figures, list[Bar]]:
    """Return a column's figures and the bars of its chart.

    Args:
        name: the column's name.
        chunks: its cells from top to bottom, some at a time; None is null.
    """
    with closing(_engine().cursor()) as connection:
        connection.execute("CREATE TEMP TABLE cells (cell VARCHAR)")
        for chunk in chunks:
            connection.execute("INSERT INTO cells SELECT unnest($1::VARCHAR[])", [chunk])
        form = _find_form(connection)
        connection.execute(
            f"CREATE TEMP TABLE frequencies AS SELECT {form.value} AS value, count(*) AS count"  # noqa: S608 - from FORMS
            " FROM cells WHERE cell IS NOT NULL GROUP BY ALL"
        )
        figures = _figures(connection, name, form)
        return figures, count_bars(connection, figures.type, figures.distinct)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    # To start one takes longer than to analyse a small column. A cursor's temporary tables are its own.
    return duckdb.connect(":memory:", config=_OPTIONS)


def _find_form(connection: duckdb.DuckDBPyConnection) -> Form:
    *forms, string = FORMS
    # A cell is read only where it is written in the form: DuckDB reads more than that.
    checks = ", ".join(f"bool_and({form.written}), bool_and({form.written} AND {form.readable})" for form in forms)
    found = _row(connection.execute(f"SELECT {checks} FROM cells WHERE cell IS NOT NULL"))  # noqa: S608 - from FORMS
    for form, written, readable in zip(forms, found[::2], found[1::2], strict=True):
        if readable:
            return form
        if written and form.type == "integer":
            return string
    return string


def _figures(connection: duckdb.DuckDBPyConnection, name: str, form: Form) -> Figures:
    nulls = _row(connection.execute("SELECT count(*) FROM cells WHERE cell IS NULL"))[0]
    count, distinct, least, greatest = _row(
        connection.execute("SELECT coalesce(sum(count), 0)::BIGINT, count(*), min(value), max(value) FROM frequencies")
    )
    query = "SELECT value, count FROM frequencies ORDER BY count DESC, value LIMIT $1"
    top = connection.execute(query, [_TOP]).fetchall()
    return Figures(
        name=name,
        type=form.type,
        count=count,
        nulls=nulls,
        distinct=distinct,
        min=least,
        max=greatest,
        mean=_mean(connection, form, count) if count else None,
        top=[{"value": value, "count": times} for value, times in top],
    )


def _mean(connection: duckdb.DuckDBPyConnection, form: Form, count: int) -> float | None:
    """Return the mean, exact but for one last rounding: DuckDB's own loses small numbers beside great ones."""
    if form.type == "integer":
        total: int = sum(value * times for value, times in _rows(connection, "SELECT value, count FROM frequencies"))
        return total / count
    if form.type != "number":
        return None
    values = f"SELECT {form.value} FROM cells WHERE cell IS NOT NULL"  # noqa: S608 - from FORMS
    try:
        return math.fsum(value for (value,) in _rows(connection, values)) / count
    except OverflowError:
        return math.fsum(value / count for (value,) in _rows(connection, values))


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    result = connection.execute(query)
    while rows := result.fetchmany(_FETCHED):
        yield from rows


def _row(result: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    row = result.fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row
