"""Simulates the settings, and writes the tables, the raw figures and the picture."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.autoscaling.comparison import Comparison
from benchmarks.autoscaling.day import simulate_day
from benchmarks.autoscaling.load import Service
from benchmarks.autoscaling.settings import make_kinds, make_settings
from benchmarks.interruption import INTERRUPTED, tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.autoscaling.day import Day

MEASURED = Path(__file__).resolve().parents[1] / "scale_figures.json"


def main() -> int:
    """Simulate; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.autoscaling",
        description="Simulate days of a worker group under bursty load; writes benchmarks/autoscaling.json, "
        "docs/autoscaling.svg and the tables of docs/scale.md.",
    )
    parser.add_argument("--days", type=int, default=3, help="how many days (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first day; the next ones have the next (%(default)s)"
    )
    options = parser.parse_args()
    if options.days < 1:
        parser.error("at least one day")
    try:
        _run(range(options.seed, options.seed + options.days))
    except KeyboardInterrupt:
        tell()
        return INTERRUPTED
    return 0


def _run(seeds: Sequence[int]) -> None:
    column = json.loads(MEASURED.read_text("utf-8"))["summary"]["column"]
    service = Service(mean_s=column["mean_s"], sigma=column["sigma"])
    kinds = [(kind, make_settings(kind)) for kind in make_kinds(service, column["cpu_s"])]
    comparison = Comparison(seeds)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _processes() as processes, Progress(*columns, console=console) as progress:
        total = sum(len(settings) for _, settings in kinds) * len(seeds)
        bar = progress.add_task("", total=total)
        for kind, settings in kinds:
            progress.update(bar, description=kind.title)
            # Day by day, since a process keeps the jobs of the last one.
            days = [
                (setting, processes.submit(simulate_day, kind, setting, seed)) for seed in seeds for setting in settings
            ]
            gathered: dict[str, list[Day]] = {setting.title: [] for setting in settings}
            for setting, day in days:
                gathered[setting.title].append(day.result())
                progress.advance(bar)
            comparison.add(kind, gathered)
    comparison.write()
    console.print(comparison.markdown(), soft_wrap=True)


@contextmanager
def _processes() -> Iterator[ProcessPoolExecutor]:
    """Have a process for each core; what has not begun is given up at the end."""
    # Ctrl-C is ours.
    pool = ProcessPoolExecutor(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main())
