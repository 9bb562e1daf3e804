"""Waits for servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError


def until(check: Callable[[], Any], seconds: float = 60, every_s: float = 0.05) -> None:
    """Wait until servers are as they should be; one that is not there yet, or refuses, is asked again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline
        time.sleep(every_s)


async def apply(queue: Any, function: str, **arguments: Any) -> Any:
    """Return a job's result, of whichever server answers in the end."""
    async with asyncio.timeout(90):
        while True:
            try:
                return await queue.apply(function, timeout=20, **arguments)
            except (RedisError, OSError):
                await asyncio.sleep(0.2)
