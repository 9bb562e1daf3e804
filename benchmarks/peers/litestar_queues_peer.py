"""litestar-queues, on its Redis backend."""

from __future__ import annotations

from typing import Any

from litestar_queues import (  # type: ignore[import-not-found]  # of its own environment
    QueueConfig,
    QueueService,
    Worker,
    WorkerConfig,
    task,
)
from litestar_queues.backends.redis import RedisBackendConfig  # type: ignore[import-not-found]  # the same
from litestar_queues.models import TaskRequest  # type: ignore[import-not-found]  # the same

from benchmarks.peers.adapter import Adapter, nap, no_op
from benchmarks.peers.program import main, run


class LitestarQueues(Adapter):
    """The service and the worker that `litestar queues run` makes, in this process."""

    packages = ("litestar-queues", "redis", "hiredis", "uvloop")
    settings = (
        "uvloop, hiredis; WorkerConfig: batch_size as max_concurrency; bulk is the backend's `enqueue_many`, "
        "the service has none"
    )
    results = "kept until they are removed"
    bulk = True

    def __init__(self, job: Any) -> None:
        super().__init__(job)
        self._config = QueueConfig(
            queue_backend=RedisBackendConfig(url=job.url),
            worker=WorkerConfig(
                placement="external",
                batch_size=job.concurrency,
                max_concurrency=job.concurrency,
                queues=(job.queue,),
            ),
        )
        for function in (no_op, nap):
            task(function.__name__, queue=job.queue)(function)

    async def open(self) -> None:
        self._service = QueueService(self._config)
        await self._service.open()

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        return await self._service.enqueue(function, payload, sent_ns)

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        await self._service.get_queue_backend().enqueue_many(
            [TaskRequest(function, args=(payload, 0), queue=self.task.queue) for _ in range(jobs)]
        )

    async def round_trip(self, payload: str) -> None:
        await (await self.enqueue("no_op", payload, 0)).wait(timeout=10)

    def work(self) -> None:
        run(self._work())

    async def _work(self) -> None:
        await self.open()
        await Worker(self._service, self._config.worker).start()


if __name__ == "__main__":
    main(LitestarQueues)
