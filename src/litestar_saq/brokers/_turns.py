"""What is written to and read from Redis in one turn of the event loop goes in one round trip."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from saq.utils import now

from litestar_saq.brokers import _scripts as scripts
from litestar_saq.brokers._batches import MOST, Batches, fail
from litestar_saq.brokers._call import ScriptCall
from litestar_saq.brokers._notes import Notes
from litestar_saq.brokers._redis_broker import refusal
from litestar_saq.jobs import abort_id_of, pop_expected, pop_made
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from saq.job import Job as SaqJob

    from litestar_saq.brokers._notes import Noted
    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.jobs import Job

__all__ = ("Demand", "Enqueues", "Entry", "Told", "Turns")

_AT_ONCE = 2
_LEAST = 34
_PARTS = 4
"""What one turn enqueues is sent in that many parts, of so many at least: another one costs what it hides of fewer."""
_PART = 250
"""How many of a batch are sent at a time: while the server stores some, the next ones are written."""


class Told(NamedTuple):
    """Something that is told of a job."""

    job_id: str
    kind: str
    """`finish`, `retry`, `update`, `back`, or `note`, where no status is told; `late finish` where what it is to take
    the place of may have changed."""
    status: str
    payload: bytes | str
    number: str | bytes
    written: asyncio.Future[None]


class Demand(NamedTuple):
    """Who wants jobs."""

    worker_id: str
    """In JSON."""
    slots: Callable[[], int]
    """How many are wanted now, beside those that are asked for already (`Turns.asked`)."""
    deliver: Callable[[list[tuple[bytes, bytes, bool]], int], None]
    """Takes id and payload of each, whether it is marked as active, and how many were asked for."""
    fail: Callable[[BaseException, list[bytes]], None]
    """Told that jobs could not be asked for, and which were adopted; some may have been taken."""
    enough: int = 1
    """How many that are told or wanted are worth a round trip while another one is under way."""


class Entry(NamedTuple):
    """A job that is enqueued."""

    job_id: str
    abort_id: str | None
    """None of one whose key nobody has known before."""
    payload: bytes | str
    scheduled: float


class Enqueues:
    """The jobs that are enqueued in the same turn."""

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._keys = [queue.namespace("incomplete"), queue.namespace("queued")]
        self._script = ScriptCall(queue.redis, scripts.ENQUEUE_MANY)
        self._script_of_new = ScriptCall(queue.redis, scripts.ENQUEUE_NEW)
        self._batches: Batches[Entry, bool] = Batches(self._store, at_once=_AT_ONCE)
        self._prefix = queue.job_id("")

    def entry(self, job: SaqJob, *, new: bool = False) -> Entry:
        """Return what is stored of a job; what can't be written is the error of its own caller alone."""
        payload = self._queue.serialize_new(job)
        abort_id = None if new else abort_id_of(job)
        scheduled: float = job.scheduled or 0
        if scheduled.__class__ is not int:
            scheduled = float(scheduled)
        return Entry(f"{self._prefix}{job.key}", abort_id, payload, scheduled)

    def put(self, job: SaqJob) -> asyncio.Future[bool]:
        """Enqueue a job with the others of this turn; return whether it was taken, once that is known."""
        return self._batches.put(self.entry(job, new=pop_made(job)))

    async def _store(self, entries: list[Entry], tell: Callable[[list[bool | Exception]], None]) -> None:
        """Enqueue jobs; the server stores some of many while those before are told, and those after are written."""
        new = all(entry.abort_id is None for entry in entries)
        script = self._script_of_new if new else self._script
        if len(entries) < 2 * _LEAST:
            tell(_taken(entries, await script(*self._call(entries, new=new))))
            return
        size = max(_LEAST, -(-len(entries) // _PARTS))
        parts = [entries[i : i + size] for i in range(0, len(entries), size)]
        async with aclosing(script.in_order(self._call(part, new=new) for part in parts)) as answers:
            for part in parts:
                tell(_taken(part, await anext(answers)))

    async def store_in_order(self, jobs: Sequence[SaqJob]) -> list[bool]:
        """Enqueue any number of jobs, in parts; return of each whether it was taken."""
        parts = (jobs[i : i + _PART] for i in range(0, len(jobs), _PART))
        calls = (self._call([self.entry(job) for job in part]) for part in parts)
        async with aclosing(self._script.in_order(calls)) as answers:
            taken: list[bool] = []
            async for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
                taken += map(bool, answer)
            return taken

    def _call(self, entries: list[Entry], *, new: bool = False) -> tuple[list[str], list[Any]]:
        keys = list(self._keys)
        arguments: list[Any] = []
        for entry in entries:
            keys.append(entry.job_id)
            if not new:
                keys.append(entry.abort_id or entry.job_id)  # under a key that is new there is nothing at all
            arguments += entry[2:]
        return keys, arguments


def _taken(entries: list[Entry], answer: list[int] | Exception | None) -> list[bool | Exception]:
    """Return what became of each: the script that checks none gives no answer."""
    if answer is None:
        return [True] * len(entries)
    return [answer] * len(entries) if isinstance(answer, Exception) else _each(entries, answer)


def _each(entries: list[Entry], answer: list[int]) -> list[bool | Exception]:
    return [one == 1 for _, one in zip(entries, answer, strict=True)]


class _Turn(NamedTuple):
    """What goes in one round trip."""

    told: list[Told]
    ids: list[bytes]
    """Of jobs that were moved to the active list already."""
    wanted: int
    demand: Demand | None


class Turns:
    """What is told of jobs, and those that a worker gets: each round trip takes along all that has come up.

    Two may be under way, so that jobs run while the server is busy with others; never with the same job in both.
    """

    def __init__(self, queue: RedisQueue) -> None:
        self._queue = queue
        self._script = ScriptCall(queue.redis, scripts.TURN)
        self._keys = [queue.namespace(name) for name in ("active", "queued", "incomplete", "taken")]
        self._told: list[Told] = []
        self._notes = Notes(self._note)
        self._due: dict[str, Noted] = {}
        """The notes that go with the next round trip."""
        self._ids: list[bytes] = []
        self._busy: set[str] = set()
        """The jobs of which something is under way."""
        self._under_way: set[asyncio.Task[None]] = set()
        self._begins = self._more = False
        self._began = 0.0
        self.apart_s = 0.0
        """Seconds from the begin of one to that of the next, at least."""
        self.asked = 0
        """How many jobs are asked for and have not come."""
        self.demand: Demand | None = None

    def tell(self, job: SaqJob, kind: str, number: str | bytes = "") -> asyncio.Future[None]:
        """Tell something of a job with the others of this turn; what is returned is done once it is written."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        status = str.__str__(job.status)  # in a sixth of an enum's time for its value
        expected = pop_expected(job)
        if expected is not None and isinstance(number, str):
            kind, number = f"late {kind}", f"{number} {hashlib.sha1(expected, usedforsecurity=False).hexdigest()}"
        self._told.append(Told(job.id, kind, status, self._queue.serialize(job), number, written))
        self._notes.drop(job.key)
        self.turn()
        return written

    def note(self, job: Job, held: bytes, complete: Callable[[], None]) -> None:
        """Tell what `complete` adds to a job that runs, unless it ends soon; nobody waits for that."""
        self._notes.add(job, held, complete)

    def _note(self, due: dict[str, Noted]) -> None:
        self._due |= due
        self.turn()

    async def settled(self) -> None:
        """Wait until no jobs are asked for any more, as they are by the worker that has made the demand."""
        while self.asked or self._ids:
            if self._under_way:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(0)  # it begins in this turn

    def adopt(self, job_id: bytes) -> None:
        """Get a job that was moved to the active list already."""
        self._ids.append(job_id)
        self.turn()

    def turn(self) -> None:
        """Begin a round trip at the end of this turn of the loop, or as soon as one of those under way is over."""
        if len(self._under_way) >= _AT_ONCE:
            self._more = True
        elif not self._begins:
            self._begins = True
            loop = asyncio.get_running_loop()
            if self.apart_s and (early_s := self._began + self.apart_s - time.monotonic()) > 0:
                loop.call_later(early_s, self._begin)
            else:
                loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._begins = False
        if len(self._under_way) >= _AT_ONCE or (self._under_way and not self._is_worth_it()):
            self._more = True
            return
        turn = self._next()
        if turn is None:
            return
        self._began = time.monotonic()
        self._busy.update(one.job_id for one in turn.told)
        self.asked += turn.wanted + len(turn.ids)
        task = asyncio.ensure_future(self._run(turn))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        if turn.wanted:
            self.turn()

    def _is_worth_it(self) -> bool:
        """Tell whether there is enough for a second round trip: what is little goes with the next one."""
        demand = self.demand
        return demand is None or len(self._told) + demand.slots() >= demand.enough

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._more or self._told or self._ids or self._due:
            self._more = False
            self.turn()

    def _next(self) -> _Turn | None:
        told: list[Told] = []
        later: list[Told] = []
        for one in self._told:
            (later if one.job_id in self._busy or len(told) >= MOST else told).append(one)
        self._told = later
        told += self._noted({one.job_id for one in told})
        demand = self.demand
        # With nobody to take it, a job that was moved stays as it is, for a sweep.
        ids, self._ids = self._ids if demand else [], []
        wanted = max(0, min(demand.slots() - len(ids), MOST)) if demand else 0
        return _Turn(told, ids, wanted, demand) if told or ids or wanted else None

    async def _run(self, turn: _Turn) -> None:
        told, ids, wanted, demand = turn
        arguments: list[Any] = [wanted, now(), demand.worker_id if demand else "", len(ids), *ids]
        for one in told:
            arguments += one[1:5]
        rows: list[Any] = []
        error: BaseException | None = None
        try:
            with quiet(self._queue):
                rows = await self._script([*self._keys, *(one.job_id for one in told)], arguments)
        except BaseException as raised:  # noqa: BLE001 - it is those' who wait
            error = refusal(raised)
        self._busy.difference_update(one.job_id for one in told)
        self.asked -= wanted + len(ids)
        if error is not None:
            fail([one.written for one in told], error)
            if demand and (wanted or ids):
                demand.fail(error, ids)
            return
        for one in told:
            if not one.written.done():
                one.written.set_result(None)
        if demand and (wanted or ids):
            found = [(rows[i], rows[i + 1], bool(rows[i + 2])) for i in range(0, len(rows), 3)]
            demand.deliver(found, wanted + len(ids))

    def _noted(self, told: set[str]) -> list[Told]:
        due, self._due = self._due, {}
        loop = asyncio.get_running_loop()
        noted = []
        for key, (job, held) in due.items():
            if job.id in self._busy:
                self._due[key] = job, held
            elif job.id not in told:
                noted.append(Told(job.id, "note", "", self._queue.serialize(job), held, loop.create_future()))
        return noted
