"""The settings side by side: as tables, as JSON, as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from benchmarks.autoscaling.picture import draw_waits
from benchmarks.autoscaling.settings import CONCURRENCY, SHOWN
from benchmarks.page import markdown_table, write_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.autoscaling.day import Day
    from benchmarks.autoscaling.settings import Kind

__all__ = ("Comparison", "Row", "shown_s")

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "benchmarks" / "autoscaling.json"
PAGE = ROOT / "docs" / "scale.md"
PICTURE = ROOT / "docs" / "autoscaling.svg"

_SHARES = {"50 %": 0.5, "95 %": 0.95, "99 %": 0.99, "all": 1.0}
_TITLES = (
    "setting",
    *(f"{share} wait at most" for share in _SHARES),
    "batch",
    "pods at most",
    "pod-hours a day",
    "scalings a day",
    "cut off a day",
)
_EXACT_BELOW = 10


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a setting gives, over several days."""

    setting: str
    waits_s: dict[str, float]
    batch_s: float
    """Of the slowest day."""
    most_pods: int
    pod_hours: float
    scalings: float
    cut: float
    slowest_s: list[float]
    """Of the first day."""

    @classmethod
    def of(cls, setting: str, days: Sequence[Day]) -> Row:
        """Sum days up: waits together, the rest as a day's mean."""
        waits = sorted(wait for day in days for wait in day.waits_s)
        return cls(
            setting=setting,
            waits_s={name: round(percentile(waits, share), 2) for name, share in _SHARES.items()},
            batch_s=round(max(day.batch_s for day in days), 1),
            most_pods=max(day.most_pods for day in days),
            pod_hours=round(fmean(day.pod_hours for day in days), 1),
            scalings=round(fmean(day.scalings for day in days), 1),
            cut=round(fmean(day.cut for day in days), 1),
            slowest_s=[round(wait, 2) for wait in days[0].slowest_s],
        )

    def cells(self) -> list[str]:
        """Return the row of the table."""
        waits = [shown_s(wait) for wait in self.waits_s.values()]
        cut = f"{self.cut:.1f}" if 0 < self.cut < _EXACT_BELOW else f"{self.cut:.0f}"
        counts = str(self.most_pods), f"{self.pod_hours:.0f}", f"{self.scalings:.0f}", cut
        return [self.setting, *waits, shown_s(self.batch_s), *counts]


class Comparison:
    """Collects what came out.

    Args:
        seeds: of the days.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._seeds = list(seeds)
        self._kinds: list[tuple[dict[str, Any], list[Row]]] = []

    def add(self, kind: Kind, settings: dict[str, list[Day]]) -> None:
        """Keep the days of each setting, for a kind of jobs."""
        days = next(iter(settings.values()))
        told = {
            **asdict(kind),
            "jobs_a_day": round(fmean(day.jobs for day in days)),
            "work_pod_hours_a_day": round(fmean(day.work_s for day in days) / CONCURRENCY / 3600, 1),
        }
        self._kinds.append((told, [Row.of(setting, of_it) for setting, of_it in settings.items()]))

    def write(self) -> None:
        """Write the raw figures, the page's tables and its picture."""
        kinds = [{**kind, "settings": [asdict(row) for row in rows]} for kind, rows in self._kinds]
        FIGURES.write_text(json.dumps({"seeds": self._seeds, "kinds": kinds}, indent=2) + "\n", "utf-8")
        write_between(PAGE, "simulation", self.markdown())
        kind, rows = self._kinds[0]
        waits = {row.setting: row.slowest_s for row in rows if row.setting in SHOWN}
        title = f"Longest wait in each half hour of the first day, {kind['title']}"
        PICTURE.write_bytes(draw_waits(title, waits))

    def markdown(self) -> str:
        """Return the tables."""
        parts = []
        for kind, rows in self._kinds:
            work = f"the work of {kind['work_pod_hours_a_day']} pod-hours"
            words = f"**{kind['title'].capitalize()}**: {kind['jobs_a_day']:,} a day, {work}."
            parts += [words, "", markdown_table(_TITLES, [row.cells() for row in rows]), ""]
        return "\n".join(parts).rstrip()


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return what so many of the values do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def shown_s(seconds: float) -> str:
    """Return a time with as many digits as matter."""
    for limit, unit_s, digits, unit in ((10, 1, 1, "s"), (600, 1, 0, "s"), (7200, 60, 0, "min")):
        if seconds < limit:
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds / 3600:.1f} h"
