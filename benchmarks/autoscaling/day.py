"""A day of one setting, summed up: what comes back from the process that has simulated it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from benchmarks.autoscaling.group import Shape
from benchmarks.autoscaling.load import make_jobs
from benchmarks.autoscaling.picture import BUCKET_S
from benchmarks.autoscaling.settings import CONCURRENCY
from benchmarks.autoscaling.simulation import simulate

if TYPE_CHECKING:
    from benchmarks.autoscaling.settings import Kind, Setting

__all__ = ("Day", "simulate_day")

# The settings come one after the other with the same jobs.
_jobs = lru_cache(maxsize=1)(make_jobs)


@dataclass(frozen=True, kw_only=True)
class Day:
    """What a setting gave."""

    jobs: int
    work_s: float
    """Of all jobs together."""
    waits_s: array[float]
    """Of the day's jobs; the batch's are left out."""
    batch_s: float
    most_pods: int
    pod_hours: float
    scalings: int
    cut: int
    slowest_s: list[float]
    """The longest wait in each `BUCKET_S` of the day."""


def simulate_day(kind: Kind, setting: Setting, seed: int) -> Day:
    """Simulate it."""
    jobs = _jobs(kind.plan, seed)
    grace_s = kind.grace_s if setting.grace_s is None else setting.grace_s
    outcome = simulate(setting.scaler, jobs, Shape(concurrency=CONCURRENCY, grace_s=grace_s))
    return Day(
        jobs=len(jobs),
        work_s=sum(job.service_s for job in jobs),
        waits_s=array("d", (wait for job, wait in outcome.waits if not job.batch)),
        batch_s=outcome.batch_s,
        most_pods=outcome.most_pods,
        pod_hours=outcome.pod_hours,
        scalings=outcome.scalings,
        cut=outcome.cut,
        slowest_s=outcome.slowest_by(BUCKET_S),
    )
