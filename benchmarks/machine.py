"""What a measurement is of: the machine and the broker."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("processor", "server_name")


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def server_name(server: Mapping[str, Any]) -> str:
    """Return the broker's name and version, of what it tells of itself (`INFO server`)."""
    return f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"
