"""The jobs of the peers that are built on SAQ, which gives each a context.

The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.peers.adapter import NAP_S, begun
from benchmarks.peers.recorder import record

__all__ = ("JOBS",)


async def no_op(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Do nothing: what is left is the queue's own cost."""
    del payload
    begun(sent_ns)


async def nap(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Wait as long as a quick query takes."""
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)


async def profiled(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Do nothing, and record what is around it."""
    del payload, sent_ns
    record()


JOBS: Any = (no_op, nap, profiled)
