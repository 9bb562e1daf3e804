"""What is written to and read from Redis in one turn of the event loop goes in one round trip."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from saq.utils import now

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._batches import MOST, Batches, fail
from litestar_saq.brokers._call import ScriptCall
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from saq.job import Job as SaqJob

    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.jobs import Job

__all__ = ("Demand", "Enqueues", "Entry", "Told", "Turns")


class Told(NamedTuple):
    """Something that is told of a job."""

    job_id: str
    kind: str
    """`finish`, `retry` or `update`."""
    status: str
    payload: bytes | str
    number: str
    written: asyncio.Future[None]


class Demand(NamedTuple):
    """Who wants jobs."""

    worker_id: str
    """In JSON."""
    slots: Callable[[], int]
    """How many are wanted now."""
    deliver: Callable[[list[tuple[bytes, bytes, bool]]], None]
    """Takes id and payload of each, and whether it is marked as active."""
    fail: Callable[[BaseException, list[bytes]], None]
    """Told that jobs could not be asked for, and which were adopted; some may have been taken."""


class Entry(NamedTuple):
    """A job that is enqueued."""

    job_id: str
    abort_id: str
    payload: bytes | str
    scheduled: int


class Enqueues:
    """The jobs that are enqueued in the same turn."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._keys = [queue.namespace("incomplete"), queue.namespace("queued")]
        self._script = ScriptCall(queue.redis, scripts.ENQUEUE_MANY)
        self._batches = Batches(self.store)

    def entry(self, job: SaqJob) -> Entry:
        """Return what is stored of a job; what can't be written is the error of its own caller alone."""
        return Entry(job.id, job.abort_id, self._queue.serialize(job), job.scheduled)

    def put(self, job: SaqJob) -> asyncio.Future[bool]:
        """Enqueue a job with the others of this turn; return whether it was taken, once that is known."""
        return self._batches.put(self.entry(job))

    async def store(self, entries: list[Entry]) -> list[bool]:
        """Enqueue jobs in one round trip; return of each whether it was taken."""
        keys = list(self._keys)
        arguments: list[Any] = []
        for entry in entries:
            keys += entry[:2]
            arguments += entry[2:]
        return [bool(one) for one in await self._script(keys, arguments)]


class Turns:
    """What is told of jobs, and those that a worker gets: one round trip at a time, with all that came up meanwhile."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._script = ScriptCall(queue.redis, scripts.TURN)
        self._keys = [queue.namespace(name) for name in ("active", "queued", "incomplete")]
        self._told: list[Told] = []
        self._notes: dict[str, Job] = {}
        self._ids: list[bytes] = []
        self._turning: asyncio.Task[None] | None = None
        self._asked = False
        self.demand: Demand | None = None

    def tell(self, job_id: str, kind: str, status: str, payload: bytes | str, number: str = "") -> asyncio.Future[None]:
        """Tell something of a job with the others of this turn; what is returned is done once it is written."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told.append(Told(job_id, kind, status, payload, number, written))
        self.turn()
        return written

    def note(self, job: Job) -> None:
        """Tell what was added to a job that runs, unless it has ended by then; nobody waits for that."""
        self._notes[job.id] = job
        self.turn()

    async def idle(self) -> None:
        """Wait for the round trip that is under way."""
        if self._turning is not None:
            await asyncio.wait((self._turning,))

    def adopt(self, job_id: bytes) -> None:
        """Get a job that was moved to the active list already."""
        self._ids.append(job_id)
        self.turn()

    def turn(self) -> None:
        """Begin a round trip at the end of this turn, or after the one that is under way."""
        if self._turning is None:
            self._turning = asyncio.ensure_future(self._run())
        else:
            self._asked = True

    async def _run(self) -> None:
        try:
            with quiet(self._queue):
                while True:
                    self._asked = False
                    await self._once()
                    if not (self._told or self._ids or self._notes or self._asked):
                        return
        finally:
            self._turning = None

    async def _once(self) -> None:
        told, self._told = self._told[:MOST], self._told[MOST:]
        told += self._noted({one.job_id for one in told})
        demand = self.demand
        # With nobody to take it, a job that was moved stays as it is, for a sweep.
        ids, self._ids = self._ids if demand else [], []
        wanted = max(0, min(demand.slots() - len(ids), MOST)) if demand else 0
        if not (told or ids or wanted):
            return
        arguments: list[Any] = [wanted, now(), demand.worker_id if demand else "", len(ids), *ids]
        for one in told:
            arguments += one[1:5]
        try:
            rows = await self._script([*self._keys, *(one.job_id for one in told)], arguments)
        except BaseException as error:  # noqa: BLE001 - it is those' who wait
            fail([one.written for one in told], error)
            if demand and (wanted or ids):
                demand.fail(error, ids)
            return
        for one in told:
            if not one.written.done():
                one.written.set_result(None)
        if demand and (wanted or ids):
            demand.deliver([(rows[i], rows[i + 1], bool(rows[i + 2])) for i in range(0, len(rows), 3)])

    def _noted(self, told: set[str]) -> list[Told]:
        notes, self._notes = self._notes, {}
        loop = asyncio.get_running_loop()
        return [
            Told(job_id, "update", job.status.value, self._queue.serialize(job), "", loop.create_future())
            for job_id, job in notes.items()
            if job_id not in told
        ]
