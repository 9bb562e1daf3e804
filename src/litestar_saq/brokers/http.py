"""The HTTP proxy's client: for workers that reach no broker but a server of ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, cast

from aiohttp import ClientError
from saq.job import Status
from saq.queue.http import HttpQueue as SaqHttpQueue

from litestar_saq.brokers.base import Address, Broker, QueueMixin, register_broker
from litestar_saq.brokers.dsn import host_and_port, mask_dsn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from saq.job import Job as SaqJob
    from saq.queue.base import Queue
    from saq.types import DumpType, LoadType

__all__ = ("HttpBroker", "HttpQueue")


class HttpQueue(QueueMixin, SaqHttpQueue):
    """SAQ's HTTP queue, to a server that runs `saq.queue.http.HttpProxy`.

    It differs in that the serializers of the configuration are used for its jobs, that `iter_jobs` works, and that the
    end of an aborted job counts here too.
    """

    def __init__(self, url: str, *, dump: DumpType | None = None, load: LoadType | None = None, **options: Any) -> None:
        super().__init__(url, **options)
        self._dump = dump or json.dumps
        self._load = load or json.loads

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{mask_dsn(self.url)}, name={self.name!r}>"

    async def _enqueue(self, job: SaqJob) -> SaqJob | None:
        self.serialize_new(job)  # which refuses what can't be run, or is too large
        return await super()._enqueue(job)

    async def finish_abort(self, job: SaqJob) -> None:
        """Finish a job that its worker has aborted."""
        await self.finish(job, Status.ABORTED, error=job.error)

    async def _finish(self, job: SaqJob, status: Status, *, result: Any = None, error: str | None = None) -> None:
        if status is Status.ABORTED:
            # The server forgets with it that the job was to be aborted, so that its key is free at once.
            await SaqHttpQueue.finish_abort(self, job)
        else:
            await super()._finish(job, status, result=result, error=error)

    async def iter_jobs(self, statuses: list[Status] | None = None, batch_size: int = 100) -> AsyncIterator[SaqJob]:
        """Yield the queue's jobs of these statuses (all by default)."""
        wanted = [status.value for status in statuses or list(Status)]
        for fields in json.loads(await self._send("iter_jobs", statuses=wanted, batch_size=batch_size)):
            if job := self.deserialize(fields):
                yield job


class HttpBroker(Broker):
    """A queue behind HTTP."""

    name = "http"
    # The server may have taken a job for us by the time that a cancellation arrives.
    fetch_block_s: ClassVar[float | None] = 1.0
    unreachable: ClassVar[tuple[type[Exception], ...]] = (OSError, ClientError, TimeoutError)

    def address(self, queue: Queue) -> Address | None:
        """Return the server's host and port."""
        url = cast("SaqHttpQueue", queue).url
        found = host_and_port(url, 443 if url.startswith("https") else 80)
        return Address(*found) if found else None


register_broker(SaqHttpQueue, HttpBroker())
