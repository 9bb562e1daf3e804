"""The settings side by side: as tables, as JSON, as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.autoscaling.picture import BUCKET_S, draw_waits
from benchmarks.autoscaling.settings import SHOWN
from benchmarks.page import markdown_table, write_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.autoscaling.load import Job
    from benchmarks.autoscaling.settings import Kind, Setting
    from benchmarks.autoscaling.simulation import Outcome

__all__ = ("Comparison", "Row")

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "benchmarks" / "autoscaling.json"
PAGE = ROOT / "docs" / "scale.md"
PICTURE = ROOT / "docs" / "autoscaling.svg"

_SHARES = {"50 %": 0.5, "95 %": 0.95, "99 %": 0.99, "all": 1.0}
_TITLES = (
    "setting",
    *(f"{share} wait at most" for share in _SHARES),
    "batch",
    "pods",
    "pod-hours",
    "scalings",
    "jobs cut off",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a setting gives."""

    setting: str
    waits_s: dict[str, float]
    batch_s: float
    most_pods: int
    pod_hours: float
    scalings: int
    cut: int
    slowest_s: list[float]
    """In each `BUCKET_S` of the day."""

    @classmethod
    def of(cls, setting: Setting, outcome: Outcome) -> Row:
        """Sum an outcome up."""
        return cls(
            setting=setting.title,
            waits_s={name: round(outcome.percentile(share), 2) for name, share in _SHARES.items()},
            batch_s=round(outcome.batch_s, 1),
            most_pods=outcome.most_pods,
            pod_hours=round(outcome.pod_hours, 1),
            scalings=outcome.scalings,
            cut=outcome.cut,
            slowest_s=[round(wait, 2) for wait in outcome.slowest_by(BUCKET_S)],
        )

    def cells(self) -> list[str]:
        """Return the row of the table."""
        waits = [shown_s(wait) for wait in self.waits_s.values()]
        counts = str(self.most_pods), f"{self.pod_hours:.0f}", str(self.scalings), str(self.cut)
        return [self.setting, *waits, shown_s(self.batch_s), *counts]


class Comparison:
    """Collects what came out.

    Args:
        seed: of the load.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kinds: list[dict[str, Any]] = []
        self._rows: list[list[Row]] = []

    def begin(self, kind: Kind, jobs: Sequence[Job], slots: int) -> None:
        """Begin a kind of jobs; the rows that follow are of it."""
        work_s = sum(job.service_s for job in jobs)
        self._kinds.append({**asdict(kind), "jobs": len(jobs), "work_pod_hours": round(work_s / slots / 3600, 1)})
        self._rows.append([])

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._rows[-1].append(row)

    def write(self) -> None:
        """Write the raw figures, the page's tables and its picture."""
        kinds = [
            {**kind, "settings": [asdict(row) for row in rows]}
            for kind, rows in zip(self._kinds, self._rows, strict=True)
        ]
        FIGURES.write_text(json.dumps({"seed": self._seed, "kinds": kinds}, indent=2) + "\n", "utf-8")
        write_between(PAGE, "simulation", self.markdown())
        waits = {row.setting: row.slowest_s for row in self._rows[0] if row.setting in SHOWN}
        title = f"Longest wait in each half hour of the day, {self._kinds[0]['title']}"
        PICTURE.write_bytes(draw_waits(title, waits))

    def markdown(self) -> str:
        """Return the tables."""
        parts = []
        for kind, rows in zip(self._kinds, self._rows, strict=True):
            words = f"{kind['jobs']:,} {kind['title']}, the work of {kind['work_pod_hours']} pod-hours:"
            parts += [words, "", markdown_table(_TITLES, [row.cells() for row in rows]), ""]
        return "\n".join(parts).rstrip()


def shown_s(seconds: float) -> str:
    """Return a time with as many digits as matter."""
    for limit, unit_s, digits, unit in ((10, 1, 1, "s"), (600, 1, 0, "s"), (7200, 60, 0, "min")):
        if seconds < limit:
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds / 3600:.1f} h"
