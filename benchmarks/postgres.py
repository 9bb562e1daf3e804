"""Ours and SAQ on Postgres: `python -m benchmarks.postgres --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import AsyncConnection, OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.comparison.environments import interpreter
from benchmarks.comparison.processes import Peer, PeerError
from benchmarks.comparison.summary import Measurement, summarize
from benchmarks.comparison.variants import VARIANTS
from benchmarks.comparison.watching import begun_by, pace
from benchmarks.interruption import run
from benchmarks.machine import processor
from benchmarks.page import markdown_table, write_between
from benchmarks.peers.adapter import Task
from benchmarks.peers.board import read_marks_s

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
RAW, PAGE = HERE / "postgres.json", HERE / "README.md"
IMAGE = "postgres:17"
_QUEUE = "bench"
_START_S, _LIMIT_S = 60.0, 20.0
_FIRST = 500
"""Jobs that come first in a drain and are not counted."""
_LEAST_JOBS = 1500
_TITLES = {
    "enqueue": "enqueue",
    "bulk": "in bulk",
    "drain-10": "drain, 10 at once",
    "drain-50": "drain, 50 at once",
    "naps": "10 ms jobs, 50 at once",
}


def main() -> int:
    """Measure, and write the figures; return the exit code."""
    options = _read_options()
    run(_run(options.jobs, options.rounds, write=not options.show))
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.postgres",
        description="Measure ours and SAQ in turn at POSTGRES_URL (whose tables saq_jobs and saq_stats have to be "
        f"empty, and are emptied after each measurement) or a container of {IMAGE}; writes benchmarks/postgres.json "
        "and the table of benchmarks/README.md.",
    )
    parser.add_argument("--jobs", type=int, default=5000, help="how many are enqueued and drained (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--show", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.rounds < 1 or options.jobs < _LEAST_JOBS:
        parser.error(f"at least {_LEAST_JOBS} jobs and 1 round")
    return options


async def _run(jobs: int, rounds: int, *, write: bool) -> None:
    console = Console()
    async with AsyncExitStack() as stack:
        url: str = os.environ.get("POSTGRES_URL", "") or await asyncio.to_thread(_start_container, stack)
        connection = await stack.enter_async_context(await AsyncConnection.connect(url, autocommit=True))
        if await _waiting(connection):
            raise SystemExit("POSTGRES_URL leads to a Postgres that holds jobs: it has to be one of its own")
        version = connection.info.server_version // 10_000
        peers = []
        for name in ("ours", "saq"):
            python = await asyncio.to_thread(interpreter, VARIANTS[name], console.print)
            peers.append(await Peer.meet(VARIANTS[name], python))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        progress = stack.enter_context(Progress(*columns, console=console))
        measured = await _measure_all(
            peers, connection, Task(role="", url=url, queue=_QUEUE, jobs=jobs), rounds, progress
        )
    text = "\n\n".join((_table(measured, peers), _circumstances(jobs, rounds, version, peers)))
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    if write:
        raw: dict[str, Any] = {"processor": processor(), "cores": os.cpu_count(), "postgres": version}
        raw |= {"peers": {peer.variant.name: peer.facts for peer in peers}, "measurements": list(map(asdict, measured))}
        RAW.write_text(json.dumps(raw, indent=2) + "\n", "utf-8")
        write_between(PAGE, "postgres", text)


def _start_container(stack: AsyncExitStack) -> str:
    # Only where there is no server.
    from docker.errors import DockerException  # type: ignore[import-not-found]  # noqa: PLC0415
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415

    try:
        return str(stack.enter_context(PostgresContainer(IMAGE, driver=None)).get_connection_url())
    except DockerException as error:
        raise SystemExit(f"POSTGRES_URL is not set, and Docker gives no {IMAGE}: {error}") from error


async def _measure_all(
    peers: Sequence[Peer], connection: AsyncConnection[Any], task: Task, rounds: int, progress: Progress
) -> list[Measurement]:
    bar = progress.add_task("", total=rounds * len(_TITLES) * len(peers))
    measured = []
    for turn in range(rounds):
        for step in _TITLES:
            for peer in peers if turn % 2 else reversed(peers):
                progress.update(bar, description=f"round {turn + 1}: {step}, {peer.variant.title}")
                if step != "bulk" or peer.facts["bulk"]:
                    try:
                        rate = await _measure(peer, step, task)
                    finally:
                        await _empty(connection)
                    figures = {"bulk_jobs_per_s" if step == "bulk" else "jobs_per_s": rate}
                    name = "enqueue" if step == "bulk" else step
                    measured.append(Measurement(round=turn, step=name, variant=peer.variant.name, figures=figures))
                progress.advance(bar)
    return measured


async def _measure(peer: Peer, step: str, task: Task) -> float:
    """Return jobs/s."""
    if step in {"enqueue", "bulk"}:
        took = await peer.ask(replace(task, role=step))
        return task.jobs / float(took["wall_s"])
    function, concurrency = ("nap" if step == "naps" else "no_op"), (10 if step == "drain-10" else 50)
    task = replace(task, function=function, concurrency=concurrency)
    await peer.ask(replace(task, role="bulk" if peer.facts["bulk"] else "enqueue"))
    async with peer.working(replace(task, role="work")) as workers:
        await begun_by(workers, _FIRST, _START_S)
        await begun_by(workers, task.jobs, _LIMIT_S, least=_FIRST)
        return pace(read_marks_s(workers.folder), _FIRST)


async def _waiting(connection: AsyncConnection[Any]) -> int:
    found = await connection.execute("SELECT to_regclass('saq_jobs') IS NOT NULL")
    row = await found.fetchone()
    if not row or not row[0]:
        return 0
    counted = await (await connection.execute("SELECT count(*) FROM saq_jobs")).fetchone()
    return int(counted[0]) if counted else 0


async def _empty(connection: AsyncConnection[Any]) -> None:
    await connection.execute("TRUNCATE saq_jobs, saq_stats")
    # What the last ones have left for it to do is not the next one's.
    await connection.execute("VACUUM ANALYZE saq_jobs")


def _table(measured: Sequence[Measurement], peers: Sequence[Peer]) -> str:
    summary = summarize(measured)
    titles = ["", *(cell for step in _TITLES for cell in (_TITLES[step], "ratio"))]
    rows = []
    for peer in peers:
        cells = [peer.variant.title]
        for step in _TITLES:
            found = summary.get("enqueue" if step == "bulk" else step, {}).get(peer.variant.name, {})
            figure = "bulk_jobs_per_s" if step == "bulk" else "jobs_per_s"
            cells += [_shown(found.get(figure), ",.0f"), _shown(found.get(f"{figure}_ratio"), ".1f")]
        rows.append(cells)
    return markdown_table(titles, rows)


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _circumstances(jobs: int, rounds: int, version: int, peers: Sequence[Peer]) -> str:
    versions = {name: number for peer in peers for name, number in peer.facts["versions"].items()}
    return (
        f"Jobs a second; medians of {rounds} rounds of {jobs:,} jobs of 100 B; {processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SAQ {versions['saq']}, Postgres {version}, all on one machine; "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (PeerError, OperationalError) as error:
        sys.exit(str(error))
