"""The comparison as tables and as a picture."""

from __future__ import annotations

import pytest

from benchmarks.comparison.chart import draw_rates
from benchmarks.comparison.tables import make_tables, short
from benchmarks.comparison.variants import VARIANTS

OURS, SAQ = VARIANTS["ours"], VARIANTS["saq"]
SUMMARY = {
    "enqueue": {
        "ours": {"jobs_per_s": 20_000.0, "jobs_per_s_ratio": 2.0, "bulk_jobs_per_s": 90_000.0},
        "saq": {"jobs_per_s": 10_000.0, "jobs_per_s_ratio": 1.0},
    },
    "drain-50": {"ours": {"jobs_per_s": 9000.0, "cpu_us": 99.96}, "saq": {"jobs_per_s": 3000.0, "cpu_us": 300.0}},
    "drain-50-traced": {"ours": {"jobs_per_s": 5000.0}},
    "naps": {"ours": {"jobs_per_s": 4900.0}, "saq": {"jobs_per_s": 2500.0}},
    "latency-10": {"saq": {"p50_ms": 1.234, "p99_ms": 12.34}},
    "waiting-1000": {"saq": {"enqueue_jobs_per_s": 9999.0, "jobs_per_s": 2999.0, "info_ms": 0.98, "memory_mb": 33.0}},
    "waiting-100000": {"saq": {"enqueue_jobs_per_s": 9000.0, "jobs_per_s": 2000.0, "info_ms": 1.02}},
}


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table that follows a title."""
    tables = make_tables(SUMMARY, [OURS, SAQ]).split("\n\n")
    at = next(index for index, text in enumerate(tables) if text.startswith(title))
    lines = tables[at + 1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|--")]


def test_rates_stand_beside_their_ratios() -> None:
    titles, ours, traced, saq = rows("Jobs a second")
    assert titles[:5] == ["", "enqueue", "ratio", "in bulk", "ratio"]
    assert ours[:5] == ["litestar-saq, this one", "20,000", "2.0", "90,000", "-"]
    assert traced[0] == "litestar-saq, this one, traced at 100 %"
    assert traced[titles.index("drain, 50 at once")] == "5,000"
    assert traced[1] == "-"
    assert saq[:5] == ["SAQ", "10,000", "1.0", "-", "-"]


def test_naps_are_a_part_of_the_ideal() -> None:
    titles, ours, _, saq = rows("Jobs a second")
    assert titles[-1] == "10 ms jobs, of 5,000"
    assert (ours[-1], saq[-1]) == ("98 %", "50 %")


def test_a_step_that_was_not_measured_has_no_column() -> None:
    assert rows("Waiting") == [
        ["", "start at 10 % load, ms"],
        ["litestar-saq, this one", "-"],
        ["SAQ", "1.23 / 12.3"],
    ]
    assert "larger payloads" not in make_tables(SUMMARY, [OURS, SAQ])


def test_growth_goes_by_number() -> None:
    assert rows("With jobs that wait")[0] == ["", "1,000", "100,000"]
    assert rows("With jobs that wait")[2] == ["SAQ", "9,999 / 2,999", "9,000 / 2,000"]


def test_what_is_asked_for_and_kept_stands_apart() -> None:
    assert rows("With jobs that wait already (ms")[2] == ["SAQ", "0.98 / 33.0", "1.02 / -"]


@pytest.mark.parametrize(("value", "shown"), [(12345.6, "12,346"), (100.4, "100"), (12.34, "12.3"), (0.456, "0.46")])
def test_a_number_has_the_digits_that_matter(value: float, shown: str) -> None:
    assert short(value) == shown


def test_the_picture_names_all_and_fetches_nothing() -> None:
    picture = draw_rates(SUMMARY, [OURS, SAQ])
    assert picture == draw_rates(SUMMARY, [OURS, SAQ])
    text = picture.decode()
    assert OURS.title in text
    assert SAQ.title in text
    assert 'href="http' not in text
    assert "@import" not in text
