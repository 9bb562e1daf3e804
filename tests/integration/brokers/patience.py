"""Waits for servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError


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
