"""taskiq, with the streams of taskiq-redis."""

from __future__ import annotations

from typing import Any

from taskiq.api import run_receiver_task  # type: ignore[import-not-found]  # of its own environment
from taskiq.serializers import ORJSONSerializer  # type: ignore[import-not-found]  # the same
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker  # type: ignore[import-not-found]  # the same

from benchmarks.peers.adapter import Adapter, nap, no_op
from benchmarks.peers.program import main, run


class Taskiq(Adapter):
    """As its documentation shows it, the receiver in this process."""

    packages = ("taskiq", "taskiq-redis", "redis", "hiredis", "orjson", "uvloop")
    settings = (
        "uvloop, hiredis; RedisStreamBroker (it reads 100 at a time), ORJSONSerializer, "
        "validate_params=False (`--no-parse`), max_prefetch=100"
    )
    results = "not kept; for the round trip RedisAsyncResultBackend"
    polls = True

    def __init__(self, task: Any) -> None:
        super().__init__(task)
        broker = RedisStreamBroker(task.url, queue_name=task.queue, consumer_id="0", max_connection_pool_size=200)
        if task.results:
            broker = broker.with_result_backend(RedisAsyncResultBackend(task.url, result_ex_time=600))
        self._broker = broker.with_serializer(ORJSONSerializer())
        self._tasks = {
            "no_op": self._broker.register_task(no_op, task_name="no_op"),
            "nap": self._broker.register_task(nap, task_name="nap"),
        }

    async def open(self) -> None:
        await self._broker.startup()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._tasks[function].kiq(payload, sent_ns)

    async def round_trip(self, payload: str) -> None:
        poll = {} if self.task.poll_s is None else {"check_interval": self.task.poll_s}
        await (await self.enqueue("no_op", payload, 0)).wait_result(**poll)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        await run_receiver_task(
            self._broker,
            max_async_tasks=self.task.concurrency,
            max_prefetch=100,
            validate_params=False,
            run_startup=True,
        )


if __name__ == "__main__":
    main(Taskiq)
