"""This project's `litestar-saq`: in its own environment, so that it may use what the other benchmarks have."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.peers.adapter import Adapter
from benchmarks.peers.ours_app import TASK, make_plugin
from benchmarks.peers.program import main
from litestar_saq import Job


class Ours(Adapter):
    """As the README shows it: the plugin with its defaults, and the worker that its command runs."""

    packages = ("litestar-saq", "saq", "redis", "hiredis", "uvloop")
    settings = "uvloop, hiredis"
    results = "kept for 600 s"
    bulk = True
    polls = True
    tells = True

    async def open(self) -> None:
        self._queue: Any = make_plugin(self.task).get_queue(self.task.queue)
        await self._queue.connect()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._queue.enqueue(function, payload=payload, sent_ns=sent_ns)

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        arguments = {"payload": payload, "sent_ns": 0}
        await self._queue.enqueue_many(Job(function, kwargs=arguments) for _ in range(jobs))

    async def info(self) -> None:
        await self._queue.info()

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"poll_interval": self.task.poll_s}
        await self._queue.apply("no_op", payload=payload, sent_ns=0, **poll)

    def work(self) -> None:
        command = ("--app", "benchmarks.peers.ours_app:make_app", "workers", "run", "--queues", self.task.queue)
        environment = {**os.environ, TASK: json.dumps(asdict(self.task))}
        os.execve(sys.executable, (sys.executable, "-m", "litestar", *command), environment)  # noqa: S606


if __name__ == "__main__":
    main(Ours)
