"""A day of jobs: a daily curve of files, bursts of them, a nightly batch. The same seed gives the same jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

__all__ = ("DAY_S", "Job", "Plan", "Service", "make_jobs")

DAY_S = 86_400.0
_HOUR_S = 3600.0
_NIGHT = 0.1
"""What is left of the daily curve at night."""


class Job(NamedTuple):
    """A job that will come."""

    at_s: float
    service_s: float
    """How long a slot needs for it."""
    batch: bool = False
    """Whether it is of the nightly batch, for which nobody waits."""
    again: bool = False
    """Whether it was cut off before, so that its wait is known already."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """How long jobs take: a lognormal distribution."""

    mean_s: float
    sigma: float
    """Of the logarithm: 0 makes all alike, 1 the slowest in twenty take 3 times the mean."""

    def draw(self, rng: Random) -> float:
        """Return one job's time."""
        return rng.lognormvariate(math.log(self.mean_s) - self.sigma**2 / 2, self.sigma)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a day brings; a file is a number of jobs at once."""

    service: Service
    files_per_s: float
    """At the busiest time of the day."""
    jobs_per_file: float
    bursts_per_hour: float
    """At the busiest time of the day."""
    jobs_per_burst: float
    """The mean; half of the bursts have less than six tenths of it, the largest in a hundred eight times as many."""
    burst_s: float = 60.0
    """How long the files of a burst go on coming."""
    batch_jobs: int = 0
    batch_at_s: float = 2 * _HOUR_S


def make_jobs(plan: Plan, seed: int) -> list[Job]:
    """Return a day's jobs in the order in which they come."""
    rng = Random(seed)  # noqa: S311 - a simulation's, that shall repeat
    jobs = [job for at in _times(plan.files_per_s, rng) for job in _file(plan, at, rng)]
    for begin in _times(plan.bursts_per_hour / _HOUR_S, rng):
        left = rng.lognormvariate(math.log(plan.jobs_per_burst) - 0.5, 1.0)
        while left > 0:
            file = _file(plan, min(begin + rng.uniform(0, plan.burst_s), DAY_S), rng)
            jobs += file
            left -= len(file)
    jobs += [Job(plan.batch_at_s, plan.service.draw(rng), batch=True) for _ in range(plan.batch_jobs)]
    return sorted(jobs, key=lambda job: job.at_s)


def busy_share(at_s: float) -> float:
    """Return the daily curve: 1 at 13 o'clock, a tenth from 20 to 6."""
    return _NIGHT + (1 - _NIGHT) * max(0.0, math.sin(math.pi * (at_s / _HOUR_S - 6) / 14))


def _times(per_s: float, rng: Random) -> list[float]:
    """Return the times of a Poisson process along the daily curve, by thinning."""
    times, at = [], 0.0
    while per_s and (at := at + rng.expovariate(per_s)) < DAY_S:
        if rng.random() < busy_share(at):
            times.append(at)
    return times


def _file(plan: Plan, at: float, rng: Random) -> list[Job]:
    """Return a file's jobs: geometric in number, one at least."""
    columns = 1
    if plan.jobs_per_file > 1:
        columns += int(math.log(1 - rng.random()) / math.log(1 - 1 / plan.jobs_per_file))
    return [Job(at, plan.service.draw(rng)) for _ in range(columns)]
