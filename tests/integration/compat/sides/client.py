"""A process that does with a queue what it is told on standard input, a line of JSON each.

usage: client.py saq|plugin
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from saq import Job, Queue
from saq.job import TERMINAL_STATUSES


def open_queue(kind: str) -> Queue:
    if kind == "saq":
        return Queue.from_url(os.environ["DSN"], name=os.environ["QUEUE"])
    from plugin_app import plugin

    return plugin.get_queue(os.environ["QUEUE"])


class Client:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def enqueue(self, *, function: str, **fields: Any) -> dict[str, Any] | None:
        job = await self._queue.enqueue(Job(function, **fields))
        return job and job.to_dict()

    async def enqueue_by_name(self, *, function: str, **fields: Any) -> dict[str, Any] | None:
        job = await self._queue.enqueue(function, **fields)
        return job and job.to_dict()

    async def apply(self, *, function: str, **fields: Any) -> Any:
        return await self._queue.apply(function, **fields)

    async def map(self, *, function: str, each: list[dict[str, Any]], **fields: Any) -> Any:
        return await self._queue.map(function, each, **fields)

    async def job(self, *, key: str) -> dict[str, Any] | None:
        job = await self._queue.job(key)
        return job and job.to_dict()

    async def jobs(self) -> list[dict[str, Any]]:
        return [job.to_dict() async for job in self._queue.iter_jobs()]

    async def wait(self, *, key: str, seconds: float = 60) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                job = await self._queue.job(key)
                assert job, f"there is no job {key}"
                if job.status in TERMINAL_STATUSES:
                    return job.to_dict()
                await asyncio.sleep(0.05)

    async def abort(self, *, key: str, error: str) -> None:
        job = await self._queue.job(key)
        assert job, f"there is no job {key}"
        await job.abort(error)

    async def retry(self, *, key: str) -> None:
        job = await self._queue.job(key)
        assert job, f"there is no job {key}"
        await job.retry("again")

    async def update(self, *, key: str, **fields: Any) -> None:
        job = await self._queue.job(key)
        assert job, f"there is no job {key}"
        await job.update(**fields)

    async def info(self) -> Any:
        return await self._queue.info(jobs=True)

    async def sweep(self) -> list[str]:
        return await self._queue.sweep(lock=1, abort=0.3)


def answer(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def serve(kind: str) -> None:
    queue = open_queue(kind)
    await queue.connect()
    client = Client(queue)
    answer({"result": "ready"})
    while line := await asyncio.to_thread(sys.stdin.readline):
        asked = json.loads(line)
        try:
            said = {"result": await getattr(client, asked.pop("do"))(**asked)}
        except Exception as error:  # noqa: BLE001 - the test wants to know
            said = {"error": f"{type(error).__name__}: {error}"}
        answer(said)
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
