from __future__ import annotations

import math
import random
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from reference_app.statistics import Figures, analyse

if TYPE_CHECKING:
    from collections.abc import Callable


def figures(*cells: str | None) -> Figures:
    return analyse("column", [list(cells)])[0]


# What follows computes the same figures with Python's own types, for cells that are plainly written.


def _integer(cell: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", cell, re.ASCII) or not -(2**63) <= int(cell) < 2**64:
        raise ValueError
    return int(cell)


def _number(cell: str) -> float:
    if not math.isfinite(float(cell)) or "_" in cell or not cell.isascii():
        raise ValueError
    return float(cell)


def _boolean(cell: str) -> bool:
    return {"true": True, "false": False}[cell.lower()]


def _datetime(cell: str) -> datetime:
    parsed = datetime.fromisoformat(cell)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed


PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": date.fromisoformat,
    "datetime": _datetime,
    "string": str,
}


def expected(name: str, cells: list[str | None]) -> Figures:
    written = [cell for cell in cells if cell is not None]
    kind, values = "string", written
    # Digits alone that 64 bits can't hold are no number: a float would change them.
    beyond = all(re.fullmatch(r"[+-]?\d+", cell, re.ASCII) for cell in written)
    for kind, parse in PARSERS.items() if written else ():
        if kind == "number" and beyond:
            continue
        try:
            values = [parse(cell.strip() if kind != "string" else cell) for cell in written]
        except (ValueError, KeyError):
            continue
        break
    times = Counter(values)

    def shown(value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    return Figures(
        name=name,
        type=kind,
        count=len(values),
        nulls=len(cells) - len(values),
        distinct=len(times),
        min=shown(min(values, default=None)),
        max=shown(max(values, default=None)),
        mean=float(sum(map(Fraction, values)) / len(values)) if kind in {"integer", "number"} and values else None,
        top=[
            {"value": shown(value), "count": count}
            for value, count in sorted(times.items(), key=lambda item: (-item[1], item[0]))[:5]
        ],
    )


DICE = random.Random(7)
DAY = datetime.fromisoformat("2024-02-29T23:59:58")
COLUMNS: dict[str, list[str | None]] = {
    "integers": [str(DICE.randint(-50, 50)) for _ in range(500)],
    "integers of 64 bits": ["18446744073709551615", "-9223372036854775808", "9007199254740993", None, "0"],
    "integers beyond 53 bits": [str(2**60 + DICE.randint(0, 9)) for _ in range(300)],
    "integers with signs and zeros": ["+5", "-0", "007", "7", " 7 ", "\t8"],
    "numbers": [str(DICE.gauss(0, 1000)) for _ in range(500)],
    "numbers and integers": ["1", "2.5", "-3", ".5", "4.", "1e3", "1E-2", "+7.25"],
    "numbers that swallow each other": ["1e16", "1", "-1e16", "3"],
    "numbers at the edge": ["1e308", "1e308", "1e308", "-1e308", "5e-324"],
    "a great integer among numbers": ["123456789012345678901234567890", "0.5"],
    "zeros": ["0.0", "-0.0", "0"],
    "tenths": ["0.1"] * 10 + ["0.2", "0.3"],
    "digits beyond 64 bits": ["18446744073709551616", "1"],
    "infinite": ["1e999", "1"],
    "not a number": ["nan", "1.5"],
    "inf": ["inf", "1.5"],
    "underscores": ["1_000", "2"],
    "thousands": ["1,000", "2"],
    "booleans": ["true", "FALSE", "True", None, "tRuE"],
    "booleans and integers": ["true", "1"],
    "yes and no": ["yes", "no"],
    "dates": [(date(2024, 2, 28) + timedelta(days=DICE.randint(0, 40))).isoformat() for _ in range(300)],
    "old dates": ["0001-01-01", "9999-12-31", "1582-10-10"],
    "no such day": ["2023-02-29", "2023-01-01"],
    "datetimes": [(DAY + timedelta(seconds=DICE.randint(0, 9**6))).isoformat(" ") for _ in range(300)],
    "datetimes with fractions": ["2024-01-01T10:00:00.5", "2024-01-01 10:00:00", "2024-01-01T10:00:00.000001"],
    "datetimes of minutes": ["2024-01-01T10:00", "2024-01-01 09:59"],
    "datetimes with zones": ["2024-01-01T10:00:00+02:30", "2024-01-01 10:00:00.25-05:00", "2024-01-01T10:00Z"],
    "datetimes and dates": ["2024-01-01", "2024-01-01T00:00:00", "2023-12-31 23:59"],
    "no such time": ["2024-01-01T24:30", "2024-01-01T10:00"],
    "strings": [DICE.choice("abcdeABCDEéßЖ三😀") * DICE.randint(1, 2) for _ in range(500)],
    "strings that differ in space": ["a", " a", "a "],
    "strings like SQL": ["'); DROP TABLE cells; --", '"', "%s", "$1", "\\", "{}"],
    "strings of other digits": ["٣", "๓"],
    "dates and strings": ["2024-01-01", "tomorrow"],
    "all distinct": [f"row {row}" for row in range(1000)],
    "one of each": ["1", "1.5", "true", "2024-01-01", "x"],
    "with nulls": [None, "1", None, None, "3"],
    "null alone": [None, None],
    "nothing": [],
}


@pytest.mark.parametrize("name", COLUMNS)
def test_figures_are_those_that_python_finds(name: str) -> None:
    found = figures(*COLUMNS[name])

    assert found == expected("column", COLUMNS[name])
    assert type(found.mean) in {float, type(None)}


def test_integers_stay_integers() -> None:
    found = figures("3", "1")

    assert [type(value) for value in (found.min, found.max, found.top[0]["value"])] == [int, int, int]


def test_numbers_stay_floats() -> None:
    found = figures("3", "1.5")

    assert [type(value) for value in (found.min, found.max, found.top[0]["value"])] == [float, float, float]


def test_fractions_of_seconds_are_kept_whole() -> None:
    found = figures("2024-01-01T10:00:00.123456789", "2024-01-01T10:00:00.1234567")

    assert (found.type, found.min, found.max) == (
        "datetime",
        "2024-01-01T10:00:00.1234567",
        "2024-01-01T10:00:00.123456789",
    )


@pytest.mark.parametrize(
    "cells",
    [
        ("2024-01-01T10:00Z", "2024-01-01T10:00"),
        ("2024-01-01T10:00Z", "2024-01-01"),
        ("0000-01-01",),
        ("9999-12-31T23:59:59-14:00",),
        ("2024-01-01T10:00:60",),
        ("2024-1-1",),
        ("20240101T1000",),
        ("01/02/2024",),
        ("0x10",),
        ("1e",),
        (".",),
        ("+",),
    ],
)
def test_what_is_no_value_of_a_narrower_type_is_a_string(cells: tuple[str, ...]) -> None:
    found = figures(*cells)

    assert found.type == "string"
    assert (found.min, found.max) == (min(cells), max(cells))


@pytest.mark.parametrize("zone", ["Z", "z", "+00:00", "-0000", "+00", " +00:00"])
def test_each_way_to_write_a_zone(zone: str) -> None:
    assert figures(f"2024-01-01t10:00:00{zone}").min == "2024-01-01T10:00:00+00:00"


def test_a_zone_is_not_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    assert figures("2024-01-01T10:00:00").min == "2024-01-01T10:00:00"
    assert figures("2024-01-01T10:00:00+01:00").min == "2024-01-01T09:00:00+00:00"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_chunks_make_no_difference(size: int) -> None:
    cells = COLUMNS["numbers"]
    chunks = [cells[at : at + size] for at in range(0, len(cells), size)]

    assert analyse("column", chunks) == analyse("column", [cells])


def test_a_name_is_kept_as_it_is() -> None:
    assert analyse("'; -- ☃", [["1"]])[0].name == "'; -- ☃"
