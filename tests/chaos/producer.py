"""Enqueues jobs at a rate, and tells which were taken; it ends with SIGTERM."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

from litestar_saq import QueueConfig
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer
from tests.chaos.history import History


async def main(rate: float, seed: int) -> None:
    history = History(Path(os.environ["CHAOS_HISTORY"]))
    queue = build_queue(QueueConfig(dsn=os.environ["CHAOS_DSN"], name="chaos"), serializer, decode_json)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    choose = random.Random(seed)
    number = 0

    async def enqueue(key: str, options: dict[str, float]) -> None:
        try:
            async with asyncio.timeout(10):
                await queue.enqueue("work", key=key, retries=20, timeout=120, ttl=86400, **options)
        except Exception as error:  # noqa: BLE001 - whatever it is: it may be there or not
            history.tell("unsure", job=key, error=type(error).__name__)
        else:
            history.tell("acknowledged", job=key)

    async with asyncio.TaskGroup() as group:
        while not ending.is_set():
            group.create_task(enqueue(f"{seed}-{number}", {"seconds": choose.choice((0.0, 0.0, 0.01, 0.1, 0.5))}))
            number += 1
            await asyncio.sleep(choose.expovariate(rate))
    await queue.disconnect()


asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
