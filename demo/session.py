"""One run of the demo: start everything, send the files, show what came of them."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from demo.client import ApiClient, RefusedError
from demo.metrics_table import metrics_table
from demo.processes import ChildDiedError
from demo.report_table import report_table
from demo.runs import are_counted, summarize_runs
from demo.stack import QUEUES, Stack, choose_port
from demo.trace_tree import trace_tree

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from demo.options import Options
    from demo.trace import Trace

__all__ = ("run",)

TRACE_WAIT_S = 30.0
"""How long to wait for a trace's last spans before showing what is there."""
METRICS_WAIT_S = 30.0
"""How long to wait for the metrics of a trace's runs, which a process exports each second."""
TRACE_POLL_S = 0.05
CHILD_WAIT_S = 1.0
WIDTH = 150
"""Columns of what is written to no terminal."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(options: Options) -> int:
    """Run the demo; return its exit code."""
    ended = _signalled()
    console, notes = _console(stderr=options.as_json), _console(stderr=True)
    port = choose_port(options.port)
    if options.port not in {0, port}:
        notes.print(f"Port {options.port} is taken; the page is on {port}.")
    notes.print(f"Starting the API and {len(QUEUES)} workers with an embedded broker …")
    try:
        async with Stack(port) as stack:
            session = Session(options, stack, console, notes)
            finished = await _first(session.show(), stack.processes.watch(), ended)
            if not finished:
                notes.print("Ending …")
    except (RefusedError, ChildDiedError) as error:
        notes.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    if finished or session.serving:
        return 0
    return 128 + ended.result()


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console


def _signalled() -> asyncio.Future[int]:
    """Return what the first signal to end will resolve; later ones change nothing."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(number: int) -> None:
        if not ended.done():
            ended.set_result(number)

    for number in ENDING:
        loop.add_signal_handler(number, end, number)
    return ended


async def _first(work: Coroutine[Any, Any, None], watch: Coroutine[Any, Any, None], ended: asyncio.Future[int]) -> bool:
    """Run until the work is done, a child has died or a signal has come; tell whether the work is done."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(watch)
    try:
        futures: set[asyncio.Future[Any]] = {working, watching, ended}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and isinstance(working.exception(), httpx.TransportError):
            await asyncio.wait({watching}, timeout=CHILD_WAIT_S)  # the API's end is the better reason
        if watching.done():
            await watching
        if working.done():
            await working
        return working.done()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.wait({working, watching})


class Session:
    """What is shown, file by file."""

    def __init__(self, options: Options, stack: Stack, console: Console, notes: Console) -> None:
        self._options = options
        self._stack = stack
        self._console = console
        self._notes = notes
        self.serving = False
        """Whether all files are done and nothing but Ctrl-C is waited for."""

    async def show(self) -> None:
        """Send the files and show their reports; then serve for ever, unless asked to do so once."""
        began = time.monotonic()
        async with ApiClient(self._stack.url) as api:
            await api.wait_until_ready()
            self._notes.print(f"Ready after {time.monotonic() - began:.1f} s: {self._stack.url}")
            for path in self._options.files:
                await self._show_file(api, path)
        if not self._options.once:
            self.serving = True
            self._console.print(
                f"The page is at {self._stack.url}/ until you press Ctrl-C.", style="bold", soft_wrap=True
            )
            await asyncio.Event().wait()

    async def _show_file(self, api: ApiClient, path: Path) -> None:
        try:
            accepted = await api.upload(path)
            await self._follow(api, accepted["id"], path.name)
            content, report = await api.report(accepted["id"])
        except RefusedError as refusal:
            raise RefusedError(f"{path.name}: {refusal}") from refusal
        if self._options.as_json:
            sys.stdout.buffer.write(content + b"\n")
            sys.stdout.flush()
        self._console.print(report_table(path.name, report))
        await self._show_trace(accepted["trace_id"])

    async def _follow(self, api: ApiClient, report_id: str, name: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._notes) as progress:
            task = progress.add_task(name, total=1.0)
            async for state in api.follow(report_id):
                progress.update(task, completed=state.get("progress", 0.0), description=f"{name} {state['status']}")

    async def _show_trace(self, trace_id: str) -> None:
        receiver = self._stack.receiver
        deadline = time.monotonic() + TRACE_WAIT_S
        while (  # noqa: ASYNC110 - spans arrive in the threads of the receiver
            not (trace := receiver.trace(trace_id)).complete and time.monotonic() < deadline
        ):
            await asyncio.sleep(TRACE_POLL_S)
        self._console.print(trace_tree(trace_id, trace))
        await self._show_metrics(trace)
        if not self._options.once:
            self._console.print(f"The same as a page: {receiver.page(trace_id)}\n", soft_wrap=True)

    async def _show_metrics(self, trace: Trace) -> None:
        receiver = self._stack.receiver
        deadline = time.monotonic() + METRICS_WAIT_S
        while (  # noqa: ASYNC110 - metrics arrive in the threads of the receiver
            not (counted := are_counted(trace, receiver.spans(), receiver.metrics())) and time.monotonic() < deadline
        ):
            await asyncio.sleep(TRACE_POLL_S)
        self._console.print(metrics_table(summarize_runs(receiver.metrics()), complete=counted))
