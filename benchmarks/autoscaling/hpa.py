"""What Kubernetes' HorizontalPodAutoscaler decides: its formulas, windows and policies (`autoscaling/v2`).

Source: `pkg/controller/podautoscaler` of Kubernetes, `replica_calculator.go` and `horizontal.go`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("DEFAULT_DOWN", "DEFAULT_UP", "SYNC_S", "Hpa", "Policy", "Rules", "replicas_for_cpu", "replicas_for_jobs")

SYNC_S = 15.0
"""How often it decides (`--horizontal-pod-autoscaler-sync-period`); a managed cluster does not let you set it."""
TOLERANCE = 0.1
"""How far the metric may be from its target with nothing done."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How many replicas may come or go in a period."""

    period_s: float
    pods: int = 0
    percent: int = 0
    """Of what there was at the period's begin; 0 where the policy is of pods."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One direction of `behavior`. Of several policies the one that changes most holds (`selectPolicy: Max`)."""

    window_s: float
    """`stabilizationWindowSeconds`."""
    policies: tuple[Policy, ...]


DEFAULT_UP = Rules(window_s=0, policies=(Policy(period_s=15, percent=100), Policy(period_s=15, pods=4)))
"""Kubernetes' own: doubled, or 4 more, each 15 s."""
DEFAULT_DOWN = Rules(window_s=300, policies=(Policy(period_s=15, percent=100),))
"""Kubernetes' own: after 5 minutes all at once."""


def replicas_for_jobs(jobs: float, target: float, replicas: int) -> int:
    """Return how many replicas a count of jobs asks for (an external metric's `AverageValue`).

    Args:
        jobs: the metric, of all replicas together.
        target: jobs a replica.
        replicas: how many there are, those included that are not ready.
    """
    return replicas if _near(jobs / (target * replicas)) else math.ceil(jobs / target)


def replicas_for_cpu(used: Sequence[float], unready: int, target: float) -> int:
    """Return how many replicas the processor's use asks for (a resource's `Utilization`).

    Args:
        used: of each ready pod that has been measured, as a share of what it requests.
        unready: pods that are not ready; they count as idle where more are asked for, and not at all otherwise.
        target: the share that is aimed at.
    """
    replicas = len(used) + unready
    if not used:
        return replicas
    ratio = sum(used) / len(used) / target
    if not unready or ratio <= 1:
        return replicas if _near(ratio) else math.ceil(ratio * len(used))
    with_unready = sum(used) / replicas / target
    # What is on its way is enough, or would turn the decision round: nothing is done.
    if with_unready <= 1 + TOLERANCE:
        return replicas
    return max(replicas, math.ceil(with_unready * replicas))


def _near(ratio: float) -> bool:
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


class Hpa:
    """Keeps what was asked for and done, and says how many replicas there shall be.

    Args:
        least: `minReplicas`.
        most: `maxReplicas`.
        up: how it grows.
        down: how it shrinks.
    """

    def __init__(self, least: int, most: int, *, up: Rules = DEFAULT_UP, down: Rules = DEFAULT_DOWN) -> None:
        self._least, self._most = least, most
        self._up, self._down = up, down
        self._kept_s = max(rules.window_s for rules in (up, down))
        self._asked: list[tuple[float, int]] = []
        self._done: list[tuple[float, int]] = []

    def decide(self, now: float, replicas: int, asked: int) -> int:
        """Return how many replicas there shall be, of those that the metric asks for."""
        asked = min(max(asked, self._least), self._most)
        self._asked = [(at, count) for at, count in self._asked if at > now - self._kept_s] + [(now, asked)]
        steady = self._stabilized(now, replicas)
        decided = self._limited(now, replicas, steady)
        if decided != replicas:
            self._done.append((now, decided - replicas))
        return decided

    def _stabilized(self, now: float, replicas: int) -> int:
        """Return what all of the window agrees to: the least growth, the least shrinking."""
        asked = self._asked[-1][1]
        to_grow = min([asked, *(count for at, count in self._asked if at > now - self._up.window_s)])
        to_shrink = max([asked, *(count for at, count in self._asked if at > now - self._down.window_s)])
        return min(max(replicas, to_grow), to_shrink)

    def _limited(self, now: float, replicas: int, asked: int) -> int:
        if asked > replicas:
            limit = max(self._limits(now, replicas, self._up, 1), default=asked)
            return min(asked, max(limit, replicas), self._most)
        if asked < replicas:
            limit = min(self._limits(now, replicas, self._down, -1), default=asked)
            return max(asked, min(limit, replicas), self._least)
        return replicas

    def _limits(self, now: float, replicas: int, rules: Rules, sign: int) -> list[int]:
        """Return how far each policy lets the replicas go."""
        limits = []
        for policy in rules.policies:
            begun_with = replicas - sum(change for at, change in self._done if at > now - policy.period_s)
            if policy.percent:
                exact = begun_with * (1 + sign * policy.percent / 100)
                limits.append(math.ceil(exact) if sign > 0 else int(exact))
            else:
                limits.append(begun_with + sign * policy.pods)
        return limits
