"""The reading half of the queue in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litestar.serialization import decode_json

from litestar_saq._testing.store import MemoryStore
from litestar_saq.brokers.base import QueueMixin
from litestar_saq.config import serializer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from saq.job import Job as SaqJob
    from saq.job import Status
    from saq.types import CountKind, DumpType, LoadType, QueueInfo, WorkerInfo

    from litestar_saq.jobs import Job

__all__ = ("StoredJobs",)


class StoredJobs(QueueMixin):
    """What can be asked of the jobs and workers in memory."""

    def __init__(
        self, name: str, dump: DumpType | None, load: LoadType | None, swept_error_message: str | None
    ) -> None:
        super().__init__(name, dump or serializer, load or decode_json, swept_error_message)
        self.store = MemoryStore()

    def find(self, job_key: str) -> Job | None:
        """Return a job (`job` without waiting)."""
        return self.deserialize(self.store.get(job_key))

    def as_stored(self, value: Any) -> Any:
        """Return a value as it is once it was stored: a tuple is a list then, a UUID a text."""
        return self._load(self._dump({"value": value}))["value"]

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:
        """Return the queue's state, and up to `limit` of its incomplete jobs."""
        waiting = sorted(self.store.incomplete.items(), key=lambda item: item[1])
        keys = dict.fromkeys([*self.store.active, *self.store.queued, *(key for key, _ in waiting)])
        shown = [job for key in keys if (job := self.find(key))] if jobs else []
        queued, active, incomplete = [await self.count(kind) for kind in ("queued", "active", "incomplete")]
        return {
            "workers": {worker_id: json.loads(info) for worker_id, info in self.store.workers().items()},
            "name": self.name,
            "queued": queued,
            "active": active,
            "scheduled": incomplete - queued - active,
            "jobs": [job.to_dict() for job in shown[offset : offset + limit]],
        }

    async def count(self, kind: CountKind) -> int:
        """Return how many jobs are queued, active or incomplete (scheduled ones included).

        Raises:
            ValueError: where it is another kind.
        """
        kinds = {"queued": self.store.queued, "active": self.store.active, "incomplete": self.store.incomplete}
        if kind not in kinds:
            raise ValueError(f"jobs can't be counted by {kind!r}: give one of {', '.join(kinds)}")
        return len(kinds[kind])

    async def job(self, job_key: str) -> Job | None:
        """Return a job by its key."""
        return self.find(job_key)

    async def jobs(self, job_keys: Iterable[str]) -> list[SaqJob | None]:
        """Return jobs by their keys, None for each that is not there."""
        return [self.find(key) for key in job_keys]

    async def iter_jobs(self, statuses: list[Status] | None = None, batch_size: int = 100) -> AsyncIterator[SaqJob]:
        """Yield the jobs of these statuses (all by default)."""
        del batch_size
        for key in self.store.all_keys():
            job = self.find(key)
            if job and (statuses is None or job.status in statuses):
                yield job

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Keep what a worker tells about itself for `ttl` seconds."""
        self.store.set_worker(worker_id, json.dumps(info), ttl)
