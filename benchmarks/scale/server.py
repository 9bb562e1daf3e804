"""What the broker tells of itself, and how that changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ("ServerState", "Used", "read_server", "used_between")


@dataclass(frozen=True, kw_only=True)
class ServerState:
    """What `INFO` says at a moment."""

    at_s: float
    cpu_s: float
    """Of the main thread, which runs every command."""
    commands: int
    memory_bytes: int
    connections: int


@dataclass(frozen=True, kw_only=True)
class Used:
    """What was used between two moments."""

    wall_s: float
    cpu_s: float
    commands: int
    memory_bytes: int


async def read_server(redis: Redis) -> ServerState:
    """Ask the broker."""
    info = await redis.info("everything")
    thread = "_main_thread" if "used_cpu_user_main_thread" in info else ""
    return ServerState(
        at_s=time.monotonic(),
        cpu_s=float(info[f"used_cpu_user{thread}"]) + float(info[f"used_cpu_sys{thread}"]),
        commands=int(info["total_commands_processed"]),
        memory_bytes=int(info["used_memory"]),
        connections=int(info["connected_clients"]),
    )


def used_between(before: ServerState, after: ServerState) -> Used:
    """Return what was used, the question at the end left out."""
    return Used(
        wall_s=after.at_s - before.at_s,
        cpu_s=after.cpu_s - before.cpu_s,
        commands=after.commands - before.commands - 1,
        memory_bytes=after.memory_bytes - before.memory_bytes,
    )
