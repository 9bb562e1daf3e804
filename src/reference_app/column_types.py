r"""What a column can be, and how its cells are written.

A column has the first of these types that all its cells are written as; blank cells don't count, and neither does
white space around a cell, except in a string.

- integer: digits, with or without a sign, from -2\*\*63 to 2\*\*64 - 1. A column of digits that goes beyond is a
  string, so that no digit is lost.
- number: a decimal number, with or without an exponent, that a 64-bit float can hold.
- boolean: true or false, in any case.
- date: YYYY-MM-DD.
- datetime: a date, `T` or a space, hours and minutes, with or without seconds and a fraction of them. Either every
  cell has a zone, and is brought to UTC, or none has; then a date alone is its midnight.
- string: anything else, and a column that is blank.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ("FORMS", "ColumnType", "Form", "reads_as_data")

ColumnType = Literal["integer", "number", "boolean", "date", "datetime", "string"]

# Python's `re` and DuckDB's RE2 both read these.
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_ZONE = r" ?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
_INTEGER = r"[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_BOOLEAN = r"(?i:true|false)"
_NAIVE = rf"{_DATE}([Tt ]{_TIME})?"
_ZONED = rf"{_DATE}[Tt ]{_TIME}{_ZONE}"
_DATA = re.compile(f"{_NUMBER}|{_BOOLEAN}|{_NAIVE}|{_ZONED}")

_CELL = "trim(cell, ' \t\r\n\v\f\u00a0')"
_NAIVE_INSTANT = f"try_cast(upper({_CELL}) AS TIMESTAMP)"
_ZONED_INSTANT = (
    f"make_timestamp(epoch_us(try_cast(regexp_replace(upper({_CELL}), ' ?(Z|[+-][0-9:]*)$', '\\1') AS TIMESTAMPTZ)))"
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the cells of a type are written, and what they are read as: SQL on a column `cell`."""

    type: ColumnType
    written: str
    """Whether a cell has the form."""
    readable: str
    """Whether a cell that has the form is in the type's range."""
    value: str
    """The value that is counted and reported; dates are ISO texts, whose order is that of time."""


def _written(pattern: str) -> str:
    return f"regexp_full_match({_CELL}, '{pattern}')"


def _instant(instant: str, zone: str) -> str:
    # A timestamp ends at microseconds. The fraction stays as long as it is written, but for zeros at its end.
    fraction = f"rtrim(regexp_extract({_CELL}, ':[0-9]+[.]([0-9]+)', 1), '0')"
    padded = f"if({fraction} = '', '', '.' || {fraction} || repeat('0', 6 - length({fraction})))"
    return f"strftime({instant}, '%Y-%m-%dT%H:%M:%S') || {padded} || '{zone}'"


def _in_calendar(instant: str) -> str:
    return f"coalesce(year({instant}) BETWEEN 1 AND 9999, false)"


FORMS = (
    Form(
        type="integer",
        written=_written(_INTEGER),
        readable=f"coalesce(try_cast({_CELL} AS HUGEINT) BETWEEN -9223372036854775808 AND 18446744073709551615, false)",
        value=f"CAST({_CELL} AS HUGEINT)",
    ),
    Form(
        type="number",
        written=_written(_NUMBER),
        readable=f"coalesce(isfinite(try_cast({_CELL} AS DOUBLE)), false)",
        # The addition makes -0.0 a 0.0.
        value=f"CAST({_CELL} AS DOUBLE) + 0.0::DOUBLE",
    ),
    Form(
        type="boolean",
        written=_written(_BOOLEAN),
        readable="true",
        value=f"CAST(lower({_CELL}) AS BOOLEAN)",
    ),
    Form(
        type="date",
        written=_written(_DATE),
        readable=_in_calendar(_NAIVE_INSTANT),
        value=_CELL,
    ),
    Form(
        type="datetime",
        written=_written(_NAIVE),
        readable=_in_calendar(_NAIVE_INSTANT),
        value=_instant(_NAIVE_INSTANT, ""),
    ),
    Form(
        type="datetime",
        written=_written(_ZONED),
        readable=_in_calendar(_ZONED_INSTANT),
        value=_instant(_ZONED_INSTANT, "+00:00"),
    ),
    Form(type="string", written="true", readable="true", value="cell"),
)
"""The forms in the order in which they are tried."""


def reads_as_data(cell: str) -> bool:
    """Return whether a cell is written as a number, a boolean or a date, as the name of a column hardly is."""
    return _DATA.fullmatch(cell.strip()) is not None
