"""Days summed up."""

from __future__ import annotations

from array import array

import pytest

from benchmarks.autoscaling.comparison import Row, percentile, shown_s
from benchmarks.autoscaling.day import Day, simulate_day
from benchmarks.autoscaling.load import Service
from benchmarks.autoscaling.settings import SHOWN, make_kinds, make_settings


def day(*waits: float, cut: int = 0) -> Day:
    return Day(
        jobs=len(waits),
        work_s=1,
        waits_s=array("d", waits),
        batch_s=sum(waits),
        most_pods=len(waits),
        pod_hours=10 * len(waits),
        scalings=4,
        cut=cut,
        slowest_s=[max(waits)],
    )


def test_waits_are_put_together_and_costs_are_a_days() -> None:
    row = Row.of("one", [day(1, 2, 3), day(700, cut=1)])
    assert row.waits_s == {"50 %": 3, "95 %": 700, "99 %": 700, "all": 700}
    assert row.cells() == ["one", "3.0 s", "12 min", "12 min", "12 min", "12 min", "3", "20", "4", "0.5"]


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (0.5, 3), (0.75, 4), (1, 4)])
def test_percentile(share: float, expected: float) -> None:
    assert percentile([1, 2, 3, 4], share) == expected
    assert percentile([], share) == 0


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (660, "11 min"), (7200, "2.0 h")]
)
def test_shown(seconds: float, shown: str) -> None:
    assert shown_s(seconds) == shown


def test_the_settings_are_told_apart_and_those_of_the_picture_are_there() -> None:
    for kind in make_kinds(Service(mean_s=0.1, sigma=0.5), 0.02):
        titles = [setting.title for setting in make_settings(kind)]
        assert len(titles) == len(set(titles))
        assert set(SHOWN) < set(titles)


def test_a_day_is_the_same_each_time() -> None:
    kind = make_kinds(Service(mean_s=0.1, sigma=0.5), 0.02)[-1]
    setting = make_settings(kind)[3]
    first = simulate_day(kind, setting, 5)
    assert first == simulate_day(kind, setting, 5) != simulate_day(kind, setting, 6)
    assert len(first.waits_s) == first.jobs - kind.plan.batch_jobs
