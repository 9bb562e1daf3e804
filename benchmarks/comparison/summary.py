"""What follows from the measurements: medians, percentiles, ratios."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ("Measurement", "Summary", "percentile", "pick", "summarize")

Summary = dict[str, dict[str, dict[str, float]]]
"""Of each step and variant the median of each figure."""
_BASE = "saq"
_RATES = ("jobs_per_s", "bulk_jobs_per_s", "enqueue_jobs_per_s")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one step of one variant gave in one round."""

    round: int
    step: str
    variant: str
    figures: Mapping[str, float]


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the least of the values that so many do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("there are no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summarize(measurements: Iterable[Measurement]) -> Summary:
    """Return the medians of the rounds.

    A rate has a ratio to stock SAQ's, `FIGURE_ratio`: the median of each round's own, since what else the machine does
    changes between rounds more than within one.
    """
    kept = list(measurements)
    base = {(one.round, one.step): one.figures for one in kept if one.variant == _BASE}
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in kept:
        for name, value in (*one.figures.items(), *_ratios(one, base.get((one.round, _base_step(one.step)), {}))):
            found[one.step, one.variant, name].append(value)
    summary: Summary = {}
    for (step, variant, name), values in found.items():
        summary.setdefault(step, {}).setdefault(variant, {})[name] = median(values)
    return summary


def _ratios(one: Measurement, base: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    for name in _RATES:
        # A bulk call is compared to what SAQ has: one call for each job.
        against = base.get(name) or (base.get("jobs_per_s") if name == "bulk_jobs_per_s" else None)
        if name in one.figures and against:
            yield f"{name}_ratio", one.figures[name] / against


def _base_step(step: str) -> str:
    """Return the step whose SAQ is the base: tracing is compared to SAQ without."""
    return step.removesuffix("-traced")


def pick(summary: Summary, step: str, variant: str, figure: str) -> float | None:
    """Return a figure, or None where it was not measured."""
    values: dict[str, Any] = summary.get(step, {}).get(variant, {})
    return values.get(figure)
