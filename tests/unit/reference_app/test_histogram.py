from __future__ import annotations

import pytest

from reference_app.statistics import analyse


def bars(*cells: str | None) -> list[tuple[str, int]]:
    return [(bar.label, bar.count) for bar in analyse("column", [list(cells)])[1]]


def test_few_values_have_a_bar_each_in_their_order() -> None:
    assert bars("3", "1", "3", None) == [("1", 1), ("3", 2)]
    assert bars("true", "false", "true") == [("false", 1), ("true", 2)]
    assert bars("2024-01-02", "2024-01-01") == [("2024-01-01", 1), ("2024-01-02", 1)]


def test_many_integers_are_counted_in_ranges() -> None:
    found = bars(*map(str, range(100)))

    assert [label for label, _ in found] == [str(start) for start in range(0, 100, 9)]
    assert [count for _, count in found] == [9] * 11 + [1]


def test_many_dates_are_counted_in_days() -> None:
    assert bars(*[f"2024-01-{day:02d}" for day in range(1, 25)]) == [
        (f"2024-01-{day:02d}", 2) for day in range(1, 25, 2)
    ]


def test_many_datetimes_are_counted_in_seconds() -> None:
    assert bars(*[f"2024-01-01T00:00:{second:02d}Z" for second in range(24)])[:2] == [
        ("2024-01-01 00:00:00", 2),
        ("2024-01-01 00:00:02", 2),
    ]


def test_many_numbers_are_counted_in_ranges() -> None:
    found = bars(*[str(number / 2) for number in range(25)])

    assert found[:2] == [("0", 2), ("1", 2)]
    assert found[-1] == ("11", 3)


@pytest.mark.parametrize(
    "cells",
    [
        [str(2**64 - 1), str(-(2**63)), *map(str, range(20))],
        ["1e308", "-1e308", *[f"{number}.5" for number in range(20)]],
        ["5e-324", *[f"{number}e-323" for number in range(1, 20)]],
        ["0001-01-01", "9999-12-31", *[f"2024-01-{day}" for day in range(10, 30)]],
        ["0001-01-01T00:00Z", "9999-12-31T23:59:59Z", *[f"2024-01-{day}T00:00Z" for day in range(10, 30)]],
        [f"name {number % 9}" for number in range(100)],
    ],
)
def test_no_cell_is_lost_at_the_edges(cells: list[str]) -> None:
    assert sum(count for _, count in bars(*cells)) == len(cells)


def test_of_many_strings_the_most_frequent_are_shown_and_the_others_added_up() -> None:
    found = bars(*["b"] * 3, *"aacdefghi")

    assert found == [("b", 3), ("a", 2), ("c", 1), ("d", 1), ("e", 1), ("f", 1), ("3 others", 3)]


def test_nothing_has_no_bars() -> None:
    assert bars(None) == []
