"""What follows from the measurements."""

from __future__ import annotations

import pytest

from benchmarks.comparison.summary import Measurement, percentile, pick, summarize


def measured(turn: int, variant: str, step: str = "drain-50", **figures: float) -> Measurement:
    return Measurement(round=turn, step=step, variant=variant, figures=figures)


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 9.0], 0.5) == 1.0


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_figure_is_the_median_of_its_rounds() -> None:
    summary = summarize(measured(turn, "arq", cpu_us=value) for turn, value in enumerate((5.0, 100.0, 7.0)))
    assert summary == {"drain-50": {"arq": {"cpu_us": 7.0}}}


def test_a_ratio_is_the_median_of_each_rounds_own() -> None:
    summary = summarize(
        [
            *(measured(turn, "saq", jobs_per_s=value) for turn, value in enumerate((100.0, 200.0, 1000.0))),
            *(measured(turn, "ours", jobs_per_s=value) for turn, value in enumerate((200.0, 800.0, 1000.0))),
        ]
    )
    assert pick(summary, "drain-50", "ours", "jobs_per_s") == 800.0
    assert pick(summary, "drain-50", "ours", "jobs_per_s_ratio") == 2.0
    assert pick(summary, "drain-50", "saq", "jobs_per_s_ratio") == 1.0


def test_a_bulk_call_is_compared_to_saqs_single_ones() -> None:
    summary = summarize(
        [
            measured(0, "saq", "enqueue", jobs_per_s=100.0),
            measured(0, "ours", "enqueue", jobs_per_s=150.0, bulk_jobs_per_s=700.0),
        ]
    )
    assert pick(summary, "enqueue", "ours", "bulk_jobs_per_s_ratio") == 7.0


def test_tracing_is_compared_to_saq_without() -> None:
    summary = summarize(
        [measured(0, "saq", jobs_per_s=100.0), measured(0, "ours", "drain-50-traced", jobs_per_s=300.0)]
    )
    assert pick(summary, "drain-50-traced", "ours", "jobs_per_s_ratio") == 3.0


def test_without_saq_there_is_no_ratio() -> None:
    summary = summarize([measured(0, "ours", jobs_per_s=100.0)])
    assert summary == {"drain-50": {"ours": {"jobs_per_s": 100.0}}}
    assert pick(summary, "drain-50", "ours", "jobs_per_s_ratio") is None
    assert pick(summary, "naps", "ours", "jobs_per_s") is None
