"""Room for the servers that tests start."""

from __future__ import annotations

import os
import random
import socket

__all__ = ("free_port",)

_LEAST = 20_000
_EACH = 1_000
_PROCESSES = 10
_random = random.SystemRandom()  # Hypothesis seeds the other, in each test process alike


def free_port() -> int:
    """Return a port that nobody has now, and that no other test process takes before its server does.

    It is below those that the system gives of itself, and each test process has its own thousand.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    while True:
        port = _LEAST + process * _EACH + _random.randrange(_EACH)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
