"""The end of a worker's jobs: they get the grace, are cancelled then, and write what became of them."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ("WRITE_END_S", "end_jobs", "wait")

WRITE_END_S = 2.0
"""How long it may take to write what became of a job, on top of the job's own deadline."""

Tasks = set[asyncio.Task[Any]]


async def end_jobs(tasks: Tasks, grace_s: float, deadline_s: float, hurried: asyncio.Event) -> Tasks:
    """End jobs that run.

    Args:
        tasks: theirs.
        grace_s: for how many seconds they may go on.
        deadline_s: how many seconds one that is cancelled then gets to end.
        hurried: set where nobody waits any more for jobs that go on.

    Returns:
        Those that did not end.
    """
    await _wait_patiently(tasks, grace_s, hurried)
    late = {task for task in tasks if not task.done()}
    for task in late:
        task.cancel()
    return late - await wait(late, deadline_s + WRITE_END_S)


async def wait(tasks: Tasks, seconds: float) -> Tasks:
    """Wait for tasks to end; return those that did."""
    return (await asyncio.wait(tasks, timeout=seconds))[0] if tasks else set()


async def _wait_patiently(tasks: Tasks, seconds: float, hurried: asyncio.Event) -> None:
    """Wait for tasks to end, unless that is to be hurried."""
    waiting = asyncio.create_task(hurried.wait()), asyncio.ensure_future(wait(tasks, seconds))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
