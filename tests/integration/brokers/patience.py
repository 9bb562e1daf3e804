"""Waits for servers, and finds room for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(check: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until servers are as they should be; one that is not there yet, or refuses, is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
