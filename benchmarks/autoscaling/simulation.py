"""One day of one setting."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from simpy import Environment

from benchmarks.autoscaling.group import Shape, WorkerGroup
from benchmarks.autoscaling.load import DAY_S, Job

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from benchmarks.autoscaling.scalers import Scaler

__all__ = ("Outcome", "simulate")

_LONGEST_S = 2 * DAY_S
"""By then what has come must be done."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the jobs, and what it took."""

    waits: list[tuple[Job, float]]
    """Each job with the seconds until its first start."""
    ended: int
    cut: int
    """Jobs that a pod's end cut off, and that began anew."""
    pod_hours: float
    most_pods: int
    scalings: int
    batch_s: float
    """How long after its coming the last job of the batch began; 0 where there is none."""

    def slowest_by(self, bucket_s: float) -> list[float]:
        """Return the longest wait of the day's jobs that came in each bucket of the day, 0 where none came."""
        slowest = [0.0] * int(DAY_S / bucket_s)
        for job, wait in self.waits:
            if not job.batch:
                at = min(int(job.at_s / bucket_s), len(slowest) - 1)
                slowest[at] = max(slowest[at], wait)
        return slowest


def simulate(scaler: Scaler, jobs: Sequence[Job], shape: Shape | None = None, until_s: float = DAY_S) -> Outcome:
    """Let a group work through jobs.

    Args:
        scaler: what sets its pods.
        jobs: in the order in which they come.
        shape: what a pod is like.
        until_s: pods cost until then, or until the last job is done.

    Raises:
        RuntimeError: where jobs are left after two days.
    """
    env = Environment()
    group = WorkerGroup(env, shape or Shape(), scaler.first)
    scaler.start(env, group)
    env.process(_come(env, group, jobs))
    env.run(until=until_s)
    while group.ended < len(jobs):
        if env.now > _LONGEST_S:
            raise RuntimeError(f"{len(jobs) - group.ended} of {len(jobs)} jobs are left after {env.now:.0f} s")
        env.step()
    return Outcome(
        waits=group.waits,
        ended=group.ended,
        cut=group.cut,
        pod_hours=group.pod_hours(),
        most_pods=group.most_pods,
        scalings=group.scalings,
        batch_s=max((wait for job, wait in group.waits if job.batch), default=0.0),
    )


def _come(env: Environment, group: WorkerGroup, jobs: Sequence[Job]) -> Generator[Any, Any, None]:
    for at_s, together in groupby(jobs, key=attrgetter("at_s")):
        yield env.timeout(at_s - env.now)
        group.add(together)
