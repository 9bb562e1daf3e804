"""Room for the servers that tests start."""

from __future__ import annotations

import socket

__all__ = ("free_port",)


def free_port() -> int:
    """Return a port that nobody has now: at random, as several test processes look for one at a time."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
