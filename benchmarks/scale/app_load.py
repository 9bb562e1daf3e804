"""What reports of the reference app cost: the broker, a worker of `analysis`, and in spans."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from benchmarks.scale.children import cpu_s, memory_bytes, started
from benchmarks.scale.made_file import make_csv
from benchmarks.scale.server import Used, read_server, used_between
from benchmarks.scale.span_counter import Counted, SpanCounter
from demo.client import ApiClient
from demo.stack import APP, HOST, QUEUES, choose_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

__all__ = ("AppIdle", "ReportLoad", "Running", "running_app")

ROOT = Path(__file__).resolve().parents[2]
_SERVICES = ("reference-api", "reference-worker-reports", "reference-worker-analysis")
_CRON_SERVICE = "reference-worker-maintenance"
_COLUMN_SPAN = "process analysis"
_EXPORT_S = 7.0
"""By then what was recorded is exported: the SDK does so each 5 s."""
_IDLE_S = 30.0
_START_S = 60.0
_UPLOADS = 4
"""Files that are sent at a time."""


@dataclass(frozen=True, kw_only=True)
class AppIdle:
    """The app without reports."""

    server: Used
    connections: int
    """Of the API and the three workers."""
    analysis_cpu_s: float
    analysis_memory_bytes: int
    cron_spans: int
    """What the maintenance's cron jobs trace meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ReportLoad:
    """Reports of one size."""

    reports: int
    columns: int
    rows: int
    server: Used
    """Its memory is that of the finished reports and their jobs."""
    traces: Counted
    wall_s: float
    """From the first upload until the last report is complete."""
    analysis_cpu_s: float
    analysis_memory_bytes: int
    column_mean_s: float
    """How long a job of `analysis` took."""
    column_sigma: float
    """The deviation of its logarithm."""
    columns_per_s: float
    """By the one worker, from the first column to the last."""


class Running:
    """The reference app with a worker process a queue."""

    def __init__(self, redis: Redis, api: ApiClient, counter: SpanCounter, analysis_pid: int, connections: int) -> None:
        self._redis = redis
        self._api = api
        self._counter = counter
        self._pid = analysis_pid
        self._connections = connections

    async def idle(self) -> AppIdle:
        """Measure it without reports."""
        await asyncio.sleep(_EXPORT_S)
        before, cpu, cron = await read_server(self._redis), cpu_s(self._pid), self._counter.counted([_CRON_SERVICE])
        await asyncio.sleep(_IDLE_S)
        after = await read_server(self._redis)
        return AppIdle(
            server=used_between(before, after),
            connections=after.connections - self._connections,
            analysis_cpu_s=cpu_s(self._pid) - cpu,
            analysis_memory_bytes=memory_bytes(self._pid),
            cron_spans=(self._counter.counted([_CRON_SERVICE]) - cron).spans,
        )

    async def reports(self, *, reports: int, columns: int, rows: int, folder: Path) -> ReportLoad:
        """Measure reports of files that are made for it, some at a time."""
        files = [folder / f"{columns}-{number}.csv" for number in range(reports)]
        for number, file in enumerate(files):
            file.write_text(make_csv(columns, rows, seed=number), encoding="utf-8")
        before, cpu = await read_server(self._redis), cpu_s(self._pid)
        counted, seen = self._counter.counted(_SERVICES), len(self._counter.times_ns(_COLUMN_SPAN))
        began = time.monotonic()
        await self.complete(files)
        wall_s = time.monotonic() - began
        after, cpu_after = await read_server(self._redis), cpu_s(self._pid)
        await asyncio.sleep(_EXPORT_S)
        times = self._counter.times_ns(_COLUMN_SPAN)[seen:]
        if len(times) != reports * columns:
            raise SystemExit(f"{len(times)} spans of columns were exported where {reports * columns} were expected")
        took = [(end - begin) / 1e9 for begin, end in times]
        return ReportLoad(
            reports=reports,
            columns=columns,
            rows=rows,
            server=used_between(before, after),
            traces=self._counter.counted(_SERVICES) - counted,
            wall_s=wall_s,
            analysis_cpu_s=cpu_after - cpu,
            analysis_memory_bytes=memory_bytes(self._pid),
            column_mean_s=fmean(took),
            column_sigma=stdev(map(math.log, took)),
            columns_per_s=len(times) / ((max(end for _, end in times) - min(begin for begin, _ in times)) / 1e9),
        )

    async def complete(self, files: list[Path]) -> None:
        """Send files, some at a time, and wait until their reports are complete."""
        sending = asyncio.Semaphore(_UPLOADS)

        async def send(file: Path) -> None:
            async with sending:
                accepted = await self._api.upload(file)
            async for _ in self._api.follow(accepted["id"]):
                pass
            await self._api.report(accepted["id"])

        await asyncio.gather(*map(send, files))


@asynccontextmanager
async def running_app(
    redis: Redis, redis_url: str, folder: Path, tell: Callable[[str], None]
) -> AsyncIterator[Running]:
    """Start the API and the workers; a report is done when they are there."""
    port = choose_port(0)
    connections = (await read_server(redis)).connections
    litestar = (sys.executable, "-m", "litestar", "--app", APP)
    async with AsyncExitStack() as stack:
        counter = stack.enter_context(SpanCounter())
        environment = _environment(redis_url, counter.endpoint)
        tell("the app starts")
        api = await stack.enter_async_context(ApiClient(f"http://{HOST}:{port}"))
        server = (*litestar, "run", "--host", HOST, "--port", str(port))
        await stack.enter_async_context(started(*server, env=environment, cwd=folder))
        workers = {
            queue: await stack.enter_async_context(
                started(*litestar, "workers", "run", "--queues", queue, env=environment, cwd=folder)
            )
            for queue in QUEUES
        }
        running = Running(redis, api, counter, workers["analysis"].pid, connections)
        async with asyncio.timeout(_START_S):
            await api.wait_until_ready()
            await running.complete([ROOT / "examples" / "data" / "penguins.csv"])
        yield running


def _environment(redis_url: str, endpoint: str) -> dict[str, str]:
    """Return this process' environment with the app's defaults, our broker and our receiver."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LITESTAR_"))}
    return kept | {
        "REDIS_URL": redis_url,
        "REDIS_PASSWORD_FILE": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "NO_PROXY": HOST,
        "no_proxy": HOST,
    }
