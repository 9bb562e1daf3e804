"""A day's jobs."""

from __future__ import annotations

from statistics import fmean

import pytest

from benchmarks.autoscaling.load import DAY_S, Plan, Service, busy_share, make_jobs

PLAN = Plan(
    service=Service(mean_s=2, sigma=0.8),
    files_per_s=0.2,
    jobs_per_file=10,
    bursts_per_hour=2,
    jobs_per_burst=200,
    batch_jobs=50,
)


def test_the_same_seed_gives_the_same_jobs() -> None:
    assert make_jobs(PLAN, 1) == make_jobs(PLAN, 1) != make_jobs(PLAN, 2)


def test_jobs_come_in_order_and_within_the_day() -> None:
    times = [job.at_s for job in make_jobs(PLAN, 1)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= DAY_S


def test_as_many_jobs_as_planned() -> None:
    plan = Plan(service=PLAN.service, files_per_s=0.2, jobs_per_file=10, bursts_per_hour=0, jobs_per_burst=1)
    curve = fmean(busy_share(float(at)) for at in range(0, int(DAY_S), 60))
    assert len(make_jobs(plan, 3)) == pytest.approx(0.2 * 10 * curve * DAY_S, rel=0.05)


def test_jobs_take_what_was_planned() -> None:
    assert fmean(job.service_s for job in make_jobs(PLAN, 1)) == pytest.approx(2, rel=0.05)


def test_the_batch_comes_at_night_and_at_once() -> None:
    batch = [job for job in make_jobs(PLAN, 1) if job.batch]
    assert len(batch) == PLAN.batch_jobs
    assert {job.at_s for job in batch} == {PLAN.batch_at_s}


@pytest.mark.parametrize(("hour", "share"), [(2, 0.1), (6, 0.1), (13, 1.0), (20, 0.1)])
def test_the_daily_curve(hour: float, share: float) -> None:
    assert busy_share(hour * 3600) == pytest.approx(share)
