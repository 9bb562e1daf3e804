"""Gets a worker's jobs from Redis: as many as it has slots free, in one round trip with what is told of others."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
from typing import TYPE_CHECKING, Any

from saq.utils import exponential_backoff

from litestar_saq._comeback import probe, put_back, reclaim
from litestar_saq._fetcher import pause
from litestar_saq._hand import Hand
from litestar_saq._next_job import NextJob
from litestar_saq._run import JobRun
from litestar_saq.brokers._overview import text
from litestar_saq.brokers._turns import Demand
from litestar_saq.brokers.base import broker_of
from litestar_saq.exceptions import UnreadableJobError
from litestar_saq.jobs import mark_begun, pop_begun
from litestar_saq.telemetry import quiet, received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saq.job import Job

    from litestar_saq.brokers.redis import RedisQueue
    from litestar_saq.worker import Worker

__all__ = ("Dispatcher",)

logger = logging.getLogger(__name__)

_BEGIN_AT_ONCE = 8
"""How many jobs begin in one turn of the event loop: with all that are at hand it would be too long for round trips."""
_AT_ONCE = 100
"""How many are asked for in one round trip at most."""
_BACKOFF_S = 0.1
_BACKOFF_LEAST_S = 0.05
_BACKOFF_MAX_S = 10.0
_BACKOFF_ATTEMPTS = 16
_OFTEN = 1000.0
"""Jobs a second of which those that come one by one are better looked for than waited for."""
_APART_S = 0.002
"""From one such look to the next: it costs as much as running some jobs."""
_LOOKS = 20
"""How many may bring nothing; then the next job is waited for."""


class Dispatcher:
    """Starts jobs where slots are free.

    Args:
        worker: whose slots they are.
        queue: where jobs come from.
    """

    def __init__(self, worker: Worker, queue: RedisQueue) -> None:
        self.away = False
        """Whether the broker can't be reached, or writes nothing, as far as it is known and told."""
        self._pauses = False
        """Whether it is asked for nothing; one that is full may be drained while it is away."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._adopted: set[str] = set()
        self._hand = Hand(worker.concurrency, self._give_back, lambda: not queue.turns.asked)
        self._returning = 0
        """How many go back: until they are there, the jobs behind them are not taken."""
        self._empty = 0
        """How many times in a row nothing was there."""
        self._worker = worker
        self._queue = queue
        self._context = contextvars.copy_context()
        self._running = 0
        self._asks = False
        """Whether it is looked for more in the loop's next turn."""
        self._begun = 0
        """How many jobs have begun in this turn of the loop."""
        self._more = True
        """Whether there may be jobs that wait; otherwise one that comes is waited for."""
        self._failures = 0
        self._waiting: asyncio.Task[Any] | None = None
        self._next_job = NextJob(queue, lambda: self._ending)

    def start(self) -> None:
        """Begin to take jobs."""
        enough = (self._worker.concurrency + 1) // 2
        self._queue.turns.demand = Demand(
            json.dumps(str(self._worker.id)), self._count, self._deliver, self._fail, enough
        )
        self._next()

    async def end(self) -> None:
        """Wait until no more jobs come, and what was not begun is back; the worker has been told to end before."""
        await self._next_job.stop()
        # Whatever waits or is under way may bring a job, and that is put back.
        while True:
            await self._queue.turns.settled()
            self._hand.clear()
            if not self._tasks:
                return
            await asyncio.wait(self._tasks)

    def give_back(self, job: Job, error: BaseException) -> None:
        """Put back a job that could not be marked as begun, once the broker answers again."""
        self._fail(error, [job.id])

    def close(self) -> None:
        """Let another worker of this process have the queue."""
        for task in self._tasks:
            task.cancel()
        self._queue.turns.demand, self._queue.turns.apart_s = None, 0.0

    @property
    def _ending(self) -> bool:
        return self._worker.event.is_set()

    def _count(self) -> int:
        if not self._more or self._ending or self._pauses or self._returning:
            return 0
        asked = self._queue.turns.asked
        if asked and self._worker.concurrency == 1:
            return 0  # of two answers either may come first, and a worker of one slot runs jobs in their order
        free = self._worker.concurrency - self._running - asked
        return min(free + self._hand.wanted(), _AT_ONCE)

    def _next(self) -> None:
        """Begin what is at hand, and see to it that jobs come, where slots are free or will be soon."""
        if self._ending:
            return
        self._begin_those_at_hand()
        if self._more:
            if self._count() > 0:
                self._queue.turns.turn()
        elif not (self._pauses or self._returning or self._waiting) and self._running < self._worker.concurrency:
            self._waiting = self._keep(self._wait())

    def _begin_those_at_hand(self) -> None:
        if self._hand and self._worker.may_have_lost(self._hand.since):
            self._hand.clear()  # what others have taken by then can't be put back, and is theirs
        while self._hand and self._running < self._worker.concurrency and self._begun < _BEGIN_AT_ONCE:
            self._begun += 1
            self._begin(self._hand.pop())
        if self._begun and not self._asks:
            self._asks = True
            asyncio.get_running_loop().call_soon(self._ask)

    def _keep(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _wait(self) -> None:
        """Wait for a job to come."""
        try:
            with quiet(self._queue):
                job_id = await self._next_job.wait()
            if job_id is not None:
                self._more = True
                self._queue.turns.adopt(job_id)
        except Exception as error:  # noqa: BLE001 - logged; whatever it is, it is tried again
            self._fail(error, [])
        finally:
            self._waiting = None

    def _deliver(self, rows: list[tuple[bytes, bytes, bool]], asked: int) -> None:
        self._failures = 0
        for job_id, payload, begun in rows:
            try:
                job = self._queue.deserialize(payload)
            except UnreadableJobError as error:
                self._keep(self._set_aside(job_id, error))
                continue
            if job is None:
                continue
            if begun:
                mark_begun(job, payload)
            self._worker.held.add(job)
            self._hand.put(job)
        self._look_again(came=len(rows), asked=asked)
        self._next()

    def _look_again(self, *, came: int, asked: int) -> None:
        """Choose how the next jobs are found: asked for at once, a moment later, or waited for."""
        turns = self._queue.turns
        # A slot that is free only after a hook, and so after the round trip in which its job's outcome is told.
        apart_s = 0.0 if self._worker.after_process else _APART_S
        self._empty = 0 if came else self._empty + 1
        if came >= asked:
            at_hand = self._running + len(self._hand) - self._worker.concurrency
            turns.apart_s = apart_s if at_hand > self._hand.rate() * _APART_S * 2 else 0.0
        elif self._empty <= _LOOKS and self._hand.rate() >= _OFTEN:
            turns.apart_s = apart_s
        else:
            turns.apart_s = 0.0
            self._more = False

    def _begin(self, job: Job) -> None:
        self._running += 1
        received(self._queue, job)
        run = JobRun(self._worker, job, self._freed)
        # Not the context of the job whose end has made room for this one.
        context = self._context.copy()
        task = context.run(run.start, context)
        self._worker.tasks.add(task)
        task.add_done_callback(lambda task: self._ended(run, task))

    def _freed(self) -> None:
        self._running -= 1
        self._hand.ended()
        if self._ending:
            return
        self._begin_those_at_hand()
        # Others are asked for in the loop's next turn: in the same round trip it is told what became of this one.
        if not self._asks:
            self._asks = True
            asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        self._asks = False
        self._begun = 0
        self._next()

    def _ended(self, run: JobRun, task: asyncio.Task[None]) -> None:
        run.free()
        self._worker.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("A job's run failed", exc_info=error)

    def _give_back(self, jobs: list[Job]) -> None:
        for job in reversed(jobs):  # each goes to the front
            self._worker.held.discard(job)
            self._returning += 1
            self._keep(self._return(job))

    async def _return(self, job: Job) -> None:
        try:
            with quiet(self._queue):
                await put_back(self._queue, job, pop_begun(job))
        except Exception as error:  # noqa: BLE001 - logged; it is put back once the broker answers again
            if self._ending:
                logger.warning("Job %s is not put back, a sweep will find it: %s", job.key, type(error).__name__)
            self._fail(error, [job.id])
        finally:
            self._returning -= 1
            self._next()

    async def _set_aside(self, job_id: bytes, error: UnreadableJobError) -> None:
        with contextlib.suppress(*broker_of(self._queue).unreachable), quiet(self._queue):  # else a sweep does it
            await self._queue.set_aside(job_id, error)

    def _fail(self, error: BaseException, adopted: Sequence[bytes | str]) -> None:
        self._adopted.update(map(text, adopted))
        if self._ending:
            return
        self._pauses = True
        if not self.away:
            self.away = True
            logger.warning("queue %r can't be reached, trying again: %s", self._queue.name, type(error).__name__)
            self._keep(self._come_back())

    async def _come_back(self) -> None:
        """Wait until the broker answers again, and put back what it gave without our knowing."""
        while self.away and not self._ending:
            self._failures = min(self._failures + 1, _BACKOFF_ATTEMPTS)
            delay_s = exponential_backoff(self._failures, _BACKOFF_S, _BACKOFF_MAX_S)
            await pause(max(_BACKOFF_LEAST_S, delay_s), self._worker.event)
            try:
                with quiet(self._queue):
                    is_whole = await probe(self._queue)
                    await self._queue.turns.settled()  # it may bring some of those that are looked for
                    await reclaim(self._queue, self._worker, self._adopted)
            except Exception:  # noqa: BLE001, S112 - it was told that the broker is away
                continue
            self._pauses, self._more = False, True
            if is_whole:
                self.away = False
                logger.info("queue %r answers again", self._queue.name)
            self._next()
