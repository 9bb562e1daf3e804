"""The worker: SAQ's, that ends when it is told to and keeps what it holds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from saq.queue.redis import RedisQueue as SaqRedisQueue
from saq.types import Context
from saq.worker import Worker as SaqWorker
from saq.worker import ensure_coroutine_function, ensure_coroutine_function_many

from litestar_saq._aborting import RunContext, abort_jobs
from litestar_saq._cron import enqueue_cron_jobs
from litestar_saq._dispatcher import Dispatcher
from litestar_saq._ending import WRITE_END_S, end_jobs, wait
from litestar_saq._fetcher import Fetcher, pause
from litestar_saq._health_file import HealthFile
from litestar_saq._job_threads import JobThreads
from litestar_saq._lease import Lease
from litestar_saq._run import JobRun
from litestar_saq._upkeep import advise, repeat
from litestar_saq._worker_options import worker_options
from litestar_saq.brokers.base import broker_of
from litestar_saq.telemetry import quiet
from litestar_saq.telemetry.logs import install_job_filter
from litestar_saq.telemetry.observer import OBSERVE_EVERY_S, Observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator

    from saq.job import CronJob, Job
    from saq.queue.base import Queue

    from litestar_saq._health_file import State
    from litestar_saq._upkeep import Upkeep
    from litestar_saq.queue_config import QueueConfig
    from litestar_saq.queues import TaskQueues

__all__ = ("Worker",)

logger = logging.getLogger(__name__)

_FORGET_S = 1.0
_AGAIN_S = 0.5
_GIVE_BACK_S = 15.0
"""How long it is tried: before a sweep takes it for lost, and gives it to others."""
_RECOVER_EACH = 0.4
"""After which part of a lease's time the jobs of dead workers are looked for again."""
_HELD_UP_S = 10.0
"""How much later than it is due a worker may tell of itself, and is listed all the while."""
_UPKEEP_END_S = 5.0
"""How long an upkeep that has begun may go on at the end: a sweep that is cut off would lose its job."""


class Worker(SaqWorker[Context]):
    """Runs the jobs of a queue, in the event loop in which it is started.

    It takes the arguments of `saq.Worker` and those below. It differs from it in that it ends at once when it is
    idle, puts back what it fetched and did not start, counts no attempt for a job that a shutdown cut off, backs
    off while the broker can't be reached, and runs several cron jobs on one function.

    Args:
        queue: the queue.
        functions: what it can run: functions, or pairs of a name and a function.
        separate_process: whether it has a process of its own.
        multiprocessing_mode: see `QueueConfig`.
        task_queues: every configured queue, for the context.
        health_dir: see `SAQConfig`.
        **options: those of `saq.Worker`.
    """

    def __init__(
        self,
        queue: Queue,
        functions: Collection[Any],
        *,
        separate_process: bool = True,
        multiprocessing_mode: Literal["multiprocessing", "threading"] = "multiprocessing",
        task_queues: TaskQueues | None = None,
        cron_jobs: Collection[CronJob[Context]] | None = None,
        health_dir: Path | str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(queue, functions, cron_jobs=cron_jobs, **options)
        self._id_is_set = options.get("id") is not None
        self._hook_pool, self.pool = self.pool, cast("ThreadPoolExecutor", JobThreads())
        self.separate_process = separate_process
        self.multiprocessing_mode = multiprocessing_mode
        self.abandoned: set[asyncio.Task[Any]] = set()
        """Tasks that did not end when they were cancelled; a synchronous job's thread can't be stopped."""
        self.broker = broker_of(queue)
        """What the queue's broker adds to SAQ's queue."""
        self._fetcher = Fetcher(queue, self.dequeue_timeout, self._poll_interval, lambda: self.event)
        self._observer = Observer(queue, str(self.id), self.concurrency)
        self._health = HealthFile(Path(health_dir), queue.name, str(self.id), self._state) if health_dir else None
        self._dispatcher: Dispatcher | None = None
        leases = getattr(queue, "leases", None)
        self._lease = Lease(queue, leases, str(self.id), self.concurrency) if leases is not None else None
        self._coroutine_functions: dict[Any, Callable[..., Coroutine[Any, Any, Any]]] = {}
        self.held: set[Job] = set()
        """The jobs that run here."""
        self.unwritten: set[Job] = set()
        """Those that ran here and whose outcome could not be written: they must not run again as if they had not."""
        self._upkeep: list[asyncio.Task[None]] = []
        self._stop_requested = False
        self._starting = False
        """Whether it begins, and SAQ's own event to end it by is not made yet."""
        self._hurried = asyncio.Event()
        self._background: asyncio.Task[None] | None = None
        context = cast("dict[str, Any]", self.context)
        context.update(queue=queue, worker_id=self.id, task_queues=task_queues)

    @classmethod
    def from_config(
        cls, config: QueueConfig, task_queues: TaskQueues, *, health_dir: Path | str | None = None
    ) -> Worker:
        """Make the worker of a configured queue."""
        queue = task_queues.get(config.name)
        return cls(queue, task_queues=task_queues, health_dir=health_dir, **worker_options(config))

    @property
    def cancellation_hard_deadline_s(self) -> float:
        """Seconds that a cancelled job gets to end."""
        return self._cancellation_hard_deadline_s

    async def start(self) -> None:
        """Run until `stop` is called, the process is told to end, or a burst is over."""
        install_job_filter()
        self._starting = True
        try:
            if not self._stop_requested:
                with self._observer.counting(), self._taking():
                    async with self.alive(), self._leased():
                        self._starting = False
                        if not self._stop_requested:  # as it may be while the broker does not answer
                            await super().start()
        finally:
            self._starting = self._stop_requested = False

    @contextlib.contextmanager
    def _taking(self) -> Iterator[None]:
        """Make the queue know who takes its jobs, where it wants to."""
        takers: list[str] | None = getattr(self.queue, "takers", None)
        if takers is None:
            yield
            return
        takers.append(str(self.id))
        try:
            yield
        finally:
            takers.remove(str(self.id))

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Tell inside that the worker lives, where there is a `health_dir`; `start` does so in any case."""
        if self._health is None or self._health.is_kept:
            yield
            return
        async with self._health.kept():
            yield

    @contextlib.asynccontextmanager
    async def _leased(self) -> AsyncIterator[None]:
        """Have a lease inside, where the broker knows of leases."""
        # One whose id is set may be the successor of one that was killed, and has to be told from it.
        if self._lease is None or (self._id_is_set and not await self._lease.succeed(self.event)):
            self._lease = None
            yield
            return
        async with self._lease.kept():
            yield
        # What is left of its jobs is the others', once the lease is over by itself.
        if not (self.held or self.unwritten or self.abandoned):
            await self._lease.end()

    def may_have_lost(self, since: float) -> bool:
        """Tell whether others may have taken this worker for dead, and its jobs, since a moment (monotonic, in s)."""
        return self._lease is not None and self._lease.lapsed_since(since)

    async def give_back(self, job: Job, error: BaseException) -> None:
        """Put back a job that can't begin, as the broker is away; if it stays so, a sweep does."""
        if self._dispatcher is not None:
            self._dispatcher.give_back(job, error)
            return
        logger.warning("Job %s can't begin, it is put back: %s", job.key, type(error).__name__)
        deadline = time.monotonic() + _GIVE_BACK_S
        while time.monotonic() < deadline and not self.event.is_set():
            await pause(_AGAIN_S, self.event)
            with contextlib.suppress(TimeoutError, *self.broker.unreachable), quiet(self.queue):
                await self.broker.release(self.queue, job)
                return

    @property
    def has_before_hooks(self) -> bool:
        """Whether something is to be done before each job's function."""
        return bool(self.before_process) or type(self)._before_process is not SaqWorker._before_process  # noqa: SLF001

    def _state(self) -> State:
        if self.event.is_set():
            return "ending"
        if self._fetcher.away:
            return "away"
        if self._dispatcher is not None and self._dispatcher.away:
            return "away"
        return "running" if self._upkeep else "starting"

    def request_stop(self) -> None:
        """Make `start` end; only in its event loop."""
        self._stop_requested = True
        self.event.set()

    def hurry(self) -> None:
        """Make an end that has begun wait no more for jobs: they are cancelled and put back; only in its event loop."""
        self._hurried.set()

    def start_in_background(self) -> None:
        """Run in the application's loop, which keeps its own handling of signals."""
        self.SIGNALS = []
        self._starting = True
        self._background = asyncio.create_task(self._start_logged())

    async def _start_logged(self) -> None:
        try:
            await self.start()
        except Exception as error:
            # The application goes on without it.
            logger.exception("The worker of queue %r ended: %s", self.queue.name, type(error).__name__)

    async def stop_in_background(self) -> None:
        """End what `start_in_background` began."""
        await self.stop()
        if self._background is not None:
            await self._background

    def _process(self, previous_task: asyncio.Task[Any] | None = None) -> None:
        """Begin to take jobs: all slots by one, where the broker can do that; else each slot takes its own."""
        turns = getattr(self.queue, "turns", None)
        if self._dispatcher is None and turns is not None and turns.demand is None and self._may_dispatch():
            self._dispatcher = Dispatcher(self, cast("Any", self.queue))
            self._dispatcher.start()
        if self._dispatcher is None:
            super()._process(previous_task)

    def _may_dispatch(self) -> bool:
        # A burst, and a time to wait, are told by each slot for itself; and a queue may fetch in its own way.
        own = getattr(type(self.queue), "dequeue", None)
        return not self.burst and not self.dequeue_timeout and own is SaqRedisQueue.dequeue

    async def process(self) -> bool:
        """Fetch a job and run it.

        Returns:
            Whether there was one.
        """
        job = await self._fetch()
        if job is None:
            return False
        if self.event.is_set():
            with quiet(self.queue):
                await self.broker.release(self.queue, job)
            return False
        self.held.add(job)
        await JobRun(self, job).run()
        return True

    async def abort(self, abort_threshold: float) -> None:
        """Cancel the jobs that are to be aborted (SAQ's `Worker.abort`), but for one that is over: its outcome counts.

        Args:
            abort_threshold: seconds that a job has to have been running.
        """
        await abort_jobs(self.queue, self.job_task_contexts, abort_threshold)

    async def schedule(self, lock: int = 1) -> None:
        """Enqueue the next run of each cron job, and move what is due to the queue."""
        await enqueue_cron_jobs(self.queue, self.cron_jobs, self.cron_tz)
        if job_ids := await self.queue.schedule(max(1, int(lock))):
            logger.info("Scheduled %s", job_ids)

    async def upkeep(self) -> list[asyncio.Task[None]]:
        """Start what is done again and again beside the jobs."""
        timers = self.timers
        told_s = timers["worker_info"]
        steps: list[Upkeep] = [
            (self.abort, timers["abort"], timers["abort"]),
            (self.schedule, timers["schedule"], timers["schedule"]),
            (self.queue.sweep, timers["sweep"], timers["sweep"]),
            (self.worker_info, told_s, int(told_s + min(told_s, _HELD_UP_S)) + 1),
        ]
        if (leases := getattr(self.queue, "leases", None)) is not None:
            steps.append((self._recover, leases.lease_s * _RECOVER_EACH, 0))
        if self._observer.wanted:
            steps.append((self._observer.observe, OBSERVE_EVERY_S, OBSERVE_EVERY_S))
        self._upkeep = [asyncio.create_task(repeat(self.queue, step, self.event), name="upkeep") for step in steps]
        self._upkeep.append(asyncio.create_task(advise(self.queue), name="upkeep"))
        return self._upkeep

    async def _recover(self, _: float) -> None:
        lease = self._lease
        if lease is not None and lease.is_steady:
            await cast("Any", self.queue).recover(lambda: lease.is_steady)

    async def _fetch(self) -> Job | None:
        return await self._fetcher.fetch()

    async def stop(self) -> None:
        """End: fetch no more, give running jobs the grace, then cancel them and put them back."""
        self._stop_requested |= self._starting
        self.event.set()
        async with self._stop_lock:
            if self._stopped:
                return
            try:
                await self._end_tasks()
                # A thread can't be stopped, and waiting for it would hold up the hooks and the exit.
                self.pool.shutdown(wait=False, cancel_futures=True)
                self._hook_pool.shutdown(wait=False, cancel_futures=True)
                await self._run_shutdown_hooks()
            finally:
                self._stopped = True

    async def _end_tasks(self) -> None:
        running = {task for task in self.tasks if task not in self._upkeep} - {asyncio.current_task()}
        fetching = running & self._fetcher.tasks
        if self._dispatcher is not None:
            # Beside the grace of what runs.
            fetching.add(asyncio.create_task(self._dispatcher.end()))
        self.tasks.clear()
        if self._fetcher.block_s is None:
            for task in fetching:
                task.cancel()
        grace_s = self._shutdown_grace_period_s or 0
        self.abandoned |= await end_jobs(running - fetching, grace_s, self.cancellation_hard_deadline_s, self._hurried)
        fetching -= await wait(fetching, (self._fetcher.block_s or 0) + WRITE_END_S)
        if self._dispatcher is not None:
            self._dispatcher.close()
            self._dispatcher = None
        await wait(set(self._upkeep), _UPKEEP_END_S)
        for task in (*fetching, *self._upkeep):
            task.cancel()
        # Else it would count as live until its time is up. Where the broker is away, it does.
        with contextlib.suppress(TimeoutError, *self.broker.unreachable), quiet(self.queue):
            async with asyncio.timeout(_FORGET_S):
                await self.broker.forget_worker(self.queue, self.id)

    async def _run_shutdown_hooks(self) -> None:
        if not self.shutdown:
            return
        with ThreadPoolExecutor() as pool:  # the worker's own is closed by now
            for hook in ensure_coroutine_function_many(self.shutdown, pool):
                await hook(self.context)

    def coroutine_function(self, function: Any) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Return what runs a job's function: itself, or what calls it in a thread."""
        found = self._coroutine_functions.get(function)
        if found is None:
            found = cast("Any", ensure_coroutine_function(function, self.pool))
            self._coroutine_functions[function] = found
        return found

    def watch(self, job: Job, task: asyncio.Task[Any]) -> RunContext:
        """Make a running job known to `abort`."""
        context = RunContext(task=task, aborted=None)
        self.job_task_contexts[job] = context
        return context
