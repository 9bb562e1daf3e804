"""The figures: shown as a table, kept as JSON, written into the README."""

from __future__ import annotations

import json
import os
import platform
import re
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.machine import server_name
from benchmarks.measurement import AT_ONCE, CONCURRENCY, STEPS, VARIANTS, WARM_UP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measurement import Measured, Task

__all__ = ("Report",)

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "telemetry_cost.json"
README = HERE / "README.md"
_BETWEEN = re.compile(r"(?<=<!-- figures begin -->\n).*(?=<!-- figures end -->)", re.DOTALL)
_PACKAGES = ("litestar-saq", "saq", "redis", "hiredis", "opentelemetry-sdk")


class Report:
    """Collects what is measured.

    Args:
        jobs: how many a measurement has.
        rounds: how often each is measured.
        server: what the broker tells of itself (`INFO server`).
    """

    def __init__(self, jobs: int, rounds: int, server: Mapping[str, Any]) -> None:
        self.jobs = jobs
        self.rounds = rounds
        self._server = server_name(server)
        self._raw: list[dict[str, Any]] = []
        self._load = [os.getloadavg()[0]]

    def add(self, turn: int, task: Task, measured: Measured) -> None:
        """Keep a measurement."""
        self._raw.append({"round": turn, "step": task.step, "variant": task.variant, **asdict(measured)})
        self._load.append(os.getloadavg()[0])

    def summary(self, step: str, variant: str) -> dict[str, float]:
        """Return the medians of one step of one variant.

        The ratios to telemetry that is off are medians too: of each round's own, since what else the machine does
        changes between rounds more than within one.
        """
        own, off = self._of(step, variant), self._of(step, "off")
        pairs = list(zip(own, off, strict=True))
        return {
            "jobs_per_s": median(self.jobs / one["wall_s"] for one in own),
            "jobs_per_s_ratio": median(base["wall_s"] / one["wall_s"] for one, base in pairs),
            "cpu_us_per_job": median(one["cpu_s"] / self.jobs * 1e6 for one in own),
            "cpu_ratio": median(one["cpu_s"] / base["cpu_s"] for one, base in pairs),
            "spans_per_job": median(one["spans"] / (self.jobs + WARM_UP) for one in own),
        }

    def _of(self, step: str, variant: str) -> list[dict[str, Any]]:
        found = [one for one in self._raw if (one["step"], one["variant"]) == (step, variant)]
        return sorted(found, key=lambda one: int(one["round"]))

    def show(self, console: Console) -> None:
        """Print the tables."""
        for step in STEPS:
            console.print(self._table(step, box.ROUNDED))
        console.print(self._circumstances())

    def write(self) -> None:
        """Write the raw figures and the README's."""
        figures = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "load": {"least": min(self._load), "most": max(self._load)},
            "broker": self._server,
            "versions": {package: version(package) for package in _PACKAGES},
            "jobs": self.jobs,
            "rounds": self.rounds,
            "summary": {step: {variant: self.summary(step, variant) for variant in VARIANTS} for step in STEPS},
            "measurements": self._raw,
        }
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        text = "\n".join([*(self._markdown(step) for step in STEPS), self._circumstances(), ""])
        README.write_text(_BETWEEN.sub(lambda _: text, README.read_text("utf-8")), "utf-8")

    def _markdown(self, step: str) -> str:
        table = self._table(step, box.MARKDOWN)
        title, table.title = table.title, None
        console = Console(file=StringIO(), width=200)
        with console.capture() as capture:
            console.print(table)
        lines = (line.strip() for line in capture.get().splitlines())
        return "\n".join([f"{title}:", "", *filter(None, lines), ""])

    def _table(self, step: str, style: box.Box) -> Table:
        titles = {
            "drain": f"Drain by one worker, {CONCURRENCY} jobs at a time",
            "enqueue": f"Enqueue, {AT_ONCE} at a time",
        }
        table = Table(title=titles[step], box=style)
        table.add_column("telemetry")
        for name in ("jobs/s", "ratio", "CPU µs/job", "ratio", "spans/job"):
            table.add_column(name, justify="right")
        for variant, name in VARIANTS.items():
            own = self.summary(step, variant)
            table.add_row(
                name,
                f"{own['jobs_per_s']:.0f}",
                f"{own['jobs_per_s_ratio']:.2f}",
                f"{own['cpu_us_per_job']:.0f}",
                f"{own['cpu_ratio']:.2f}",
                f"{own['spans_per_job']:.2f}",
            )
        return table

    def _circumstances(self) -> str:
        return (
            f"Medians of {self.rounds} rounds of {self.jobs} jobs; Python {platform.python_version()}, "
            f"{os.cpu_count()} cores at a load of {min(self._load):.1f} to {max(self._load):.1f}, {self._server}."
        )
