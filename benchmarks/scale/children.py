"""Processes that are measured, and how much of the machine they use."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

__all__ = ("cpu_s", "memory_bytes", "started")

_END_S = 20.0


@asynccontextmanager
async def started(*command: str, env: Mapping[str, str], cwd: Path) -> AsyncIterator[Process]:
    """Run a process, out of Ctrl-C's reach: whoever leaves the context ends it, with what it has started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        family = _family(process.pid)
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except (TimeoutError, asyncio.CancelledError):
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            await process.wait()


def cpu_s(pid: int) -> float:
    """Return what a process and its children have used of the processor."""
    times = [member.cpu_times() for member in _family(pid)]
    return sum(one.user + one.system for one in times)


def memory_bytes(pid: int) -> int:
    """Return what a process and its children hold of memory; what they share is counted once."""
    return sum(int(member.memory_full_info().pss) for member in _family(pid))


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess as error:
        raise SystemExit(f"a process that was to be measured has ended by itself: {pid}") from error
