"""Simulates the settings, and writes the tables, the raw figures and the picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.autoscaling.comparison import Comparison, Row
from benchmarks.autoscaling.group import Shape
from benchmarks.autoscaling.load import Service, make_jobs
from benchmarks.autoscaling.settings import CONCURRENCY, make_kinds, make_settings
from benchmarks.autoscaling.simulation import simulate

INTERRUPTED = 130
MEASURED = Path(__file__).resolve().parents[1] / "scale_figures.json"


def main() -> int:
    """Simulate; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.autoscaling",
        description="Simulate a day of a worker group under bursty load; writes benchmarks/autoscaling.json, "
        "docs/autoscaling.svg and the tables of docs/scale.md.",
    )
    parser.add_argument("--seed", type=int, default=1, help="another day of the same kind (%(default)s)")
    seed = parser.parse_args().seed
    try:
        _run(seed)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted: nothing is written.")
        return INTERRUPTED
    return 0


def _run(seed: int) -> None:
    column = json.loads(MEASURED.read_text("utf-8"))["summary"]["column"]
    service = Service(mean_s=column["mean_s"], sigma=column["sigma"])
    kinds = [(kind, make_settings(kind)) for kind in make_kinds(service, column["cpu_s"])]
    comparison = Comparison(seed)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=sum(len(settings) for _, settings in kinds))
        for kind, settings in kinds:
            jobs = make_jobs(kind.plan, seed)
            comparison.begin(kind, jobs, CONCURRENCY)
            for setting in settings:
                progress.update(bar, description=f"{kind.title}: {setting.title}")
                shape = Shape(
                    concurrency=CONCURRENCY, grace_s=kind.grace_s if setting.grace_s is None else setting.grace_s
                )
                comparison.add(Row.of(setting, simulate(setting.scaler, jobs, shape)))
                progress.advance(bar)
    comparison.write()
    console.print(comparison.markdown(), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
