"""What the applications tell the tests: a line of JSON an event, in a file of the working directory."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

EVENTS = Path("events.jsonl")
RELEASE = Path("release")
"""Jobs that are held go on once this file is there."""


def emit(event: str, **fields: Any) -> None:
    line = json.dumps({"event": event, "pid": os.getpid(), "at": time.monotonic(), **fields}) + "\n"
    descriptor = os.open(EVENTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


async def released() -> None:
    while not RELEASE.exists():
        await asyncio.sleep(0.02)


def released_in_thread() -> None:
    while not RELEASE.exists():
        time.sleep(0.02)
