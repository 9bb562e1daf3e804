"""Enqueues jobs at a rate, and tells which were taken; it ends with SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from itertools import count
from pathlib import Path

from litestar_saq import QueueConfig
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from tests.chaos.history import History


class Producer:
    """Enqueues, and tells what became of it."""

    def __init__(self) -> None:
        config = QueueConfig(dsn=os.environ["CHAOS_DSN"], name="chaos")
        self.queue = build_queue(config, serializer, decode_json)
        self._history = History(Path(os.environ["CHAOS_HISTORY"]))

    async def enqueue(self, key: str, arguments: dict[str, float]) -> None:
        """Enqueue a job."""
        try:
            async with asyncio.timeout(10):
                await self.queue.enqueue("work", key=key, retries=20, timeout=120, ttl=86400, **arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is: it may be there or not
            self._history.tell("unsure", job=key, error=type(error).__name__)
        else:
            self._history.tell("acknowledged", job=key)

    async def go_on(self, rate: float, seed: int) -> None:
        """Enqueue at a rate until the process is told to end."""
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        choose = random.Random(seed)
        async with asyncio.TaskGroup() as group:
            for number in count():
                if ending.is_set():
                    break
                arguments = {"seconds": choose.choice((0.0, 0.0, 0.01, 0.1, 0.5))}
                group.create_task(self.enqueue(f"{seed}-{number}", arguments))
                await asyncio.sleep(choose.expovariate(rate))


async def main(arguments: list[str]) -> None:
    """Do what the command line says: a rate and a seed, or `--one`, a key and the job's arguments."""
    producer = Producer()
    await producer.queue.connect()
    if arguments[0] == "--one":
        await producer.enqueue(arguments[1], json.loads(arguments[2]))
    else:
        await producer.go_on(float(arguments[0]), int(arguments[1]))
    await producer.queue.disconnect()


asyncio.run(main(sys.argv[1:]))
