"""What is measured, how much of it, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("GROUPS", "SLEEPS", "Plan", "Step", "quick_plan")

GROUPS = ("enqueue", "drain", "naps", "latency", "round-trip", "idle", "waiting", "payload", "workers")
"""What `--steps` takes."""


_DRAINED_PER_S = 20_000
"""At such a rate a worker has drained all that waited when its time is over."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One measurement of a variant in a round."""

    name: str
    group: str
    kind: str = "drain"
    """`enqueue`, `drain`, `latency`, `round_trip` or `idle`."""
    function: str = "no_op"
    concurrency: int = 50
    jobs: int = 0
    """How many are enqueued, and drained until `limit_s` is over."""
    waiting: int = 0
    """How many more are there before."""
    payload: int = 100
    workers: int = 1
    load: float = 0.0
    """Of `latency`: the part of the round's own rate of `drain-50`."""
    pace_s: float = 0.0
    """Of `latency`: how long jobs come; `limit_s` is how long they are waited for then."""
    traced: bool = False
    polled: bool = False
    """Whether those who poll for results do it each 10 ms."""
    limit_s: float = 10.0


SLEEPS = Step(name="sleeps", group="naps")
"""What `naps` is measured beside: coroutines that only sleep."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is measured."""

    variants: Sequence[str]
    groups: Sequence[str] = GROUPS
    rounds: int = 3
    jobs: int = 20_000
    trips: int = 200
    trips_s: float = 10.0
    """No trip begins later."""
    pace_s: float = 6.0
    """How long jobs come at a rate."""
    idle_s: float = 10.0
    limit_s: float = 10.0
    """How long a drain goes on at most, and what came at a rate is waited for."""
    waiting: Sequence[int] = (1000, 100_000)
    payloads: Sequence[int] = (100, 1000, 10_000, 100_000)
    workers: Sequence[int] = (1, 2, 4)
    loads: Sequence[float] = (0.1, 0.5)
    polled: bool = True
    """Whether those who poll for results are measured as they do it quicker than by default, too."""
    steps: Sequence[Step] = field(init=False)

    def __post_init__(self) -> None:
        steps = [*self._basic(), *self._growth()]
        wanted = [step for step in steps if step.group in self.groups and (self.polled or not step.polled)]
        object.__setattr__(self, "steps", wanted)

    def _basic(self) -> list[Step]:
        jobs, limit_s = self.jobs, self.limit_s
        return [
            Step(name="enqueue", group="enqueue", kind="enqueue", jobs=jobs),
            Step(name="drain-10", group="drain", concurrency=10, jobs=jobs, limit_s=limit_s),
            # The loads of `latency` are parts of it, so that it is measured for these, too.
            Step(
                name="drain-50", group="latency" if "drain" not in self.groups else "drain", jobs=jobs, limit_s=limit_s
            ),
            Step(name="drain-50-traced", group="drain", jobs=jobs, traced=True, limit_s=limit_s),
            Step(name="naps", group="naps", function="nap", jobs=jobs, limit_s=limit_s),
            *(
                Step(
                    name=f"latency-{load * 100:.0f}",
                    group="latency",
                    kind="latency",
                    load=load,
                    pace_s=self.pace_s,
                    limit_s=limit_s,
                )
                for load in self.loads
            ),
            Step(name="round-trip", group="round-trip", kind="round_trip", jobs=self.trips, limit_s=self.trips_s),
            Step(
                name="round-trip-polled",
                group="round-trip",
                kind="round_trip",
                jobs=self.trips,
                polled=True,
                limit_s=self.trips_s,
            ),
            Step(name="idle", group="idle", kind="idle", limit_s=self.idle_s),
        ]

    def _growth(self) -> list[Step]:
        some, limit_s = max(1000, self.jobs // 2), self.limit_s / 2
        return [
            *(
                Step(
                    name=f"waiting-{count}",
                    group="waiting",
                    jobs=some,
                    waiting=count,
                    limit_s=max(limit_s, count / _DRAINED_PER_S),
                )
                for count in self.waiting
            ),
            *(
                # The largest would fill the broker's memory otherwise.
                Step(name=f"payload-{size}", group="payload", jobs=min(some, 200_000_000 // size), payload=size)
                for size in self.payloads
            ),
            *(
                Step(name=f"workers-{count}", group="workers", jobs=self.jobs * count, workers=count, limit_s=limit_s)
                for count in self.workers
            ),
        ]


def quick_plan(variants: Sequence[str], groups: Sequence[str], jobs: int, rounds: int, limit_s: float) -> Plan:
    """Return a plan that takes about a minute for each variant, with three rounds."""
    return Plan(
        variants=variants,
        groups=[group for group in groups if group not in {"waiting", "payload", "workers"}],
        rounds=rounds,
        jobs=jobs,
        trips=20,
        trips_s=2.0,
        pace_s=1.5,
        idle_s=2.0,
        limit_s=limit_s,
        loads=(0.5,),
        polled=False,
    )
