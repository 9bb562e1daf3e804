"""One run of one job: from the fetch to a written outcome."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from saq.job import Status
from saq.utils import exponential_backoff, now

from litestar_saq.exceptions import JobCancelledError, UnknownFunctionError
from litestar_saq.jobs import pop_begun
from litestar_saq.telemetry import begin_run
from litestar_saq.telemetry.logs import bind_job

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable

    from saq.job import Job
    from saq.types import Context

    from litestar_saq._aborting import RunContext
    from litestar_saq.telemetry.runs import Run
    from litestar_saq.worker import Worker

__all__ = ("JobRun",)

logger = logging.getLogger(__name__)

_Called = tuple["asyncio.Task[Any]", "asyncio.Future[None]"]
"""The task of a job's function, and what is done as soon as it is about to be."""
_WRITE_TRIES = 6
"""How often a worker that ends tries to write an outcome."""
_TELL_TRIES = 3
"""From which time on it is told that one can't be written."""
_WRITE_ATTEMPTS = 16
_WRITE_BACKOFF_S = 0.2
_WRITE_BACKOFF_MAX_S = 2.0


class JobRun:
    """Runs a fetched job as SAQ does: hooks around it, time-out, abort, retry.

    Args:
        worker: whose functions, hooks and threads are used.
        job: what was fetched.
        freed: called once when another job may begin in its slot, where that is before this ends: its function is
            over, no hook follows, and its outcome goes along with what is asked for then.
    """

    def __init__(self, worker: Worker, job: Job, freed: Callable[[], None] | None = None) -> None:
        self._worker = worker
        self._job = job
        self._held = _held(job, worker.id)
        self._context = cast("Context", {**worker.context, "job": job})
        self._task: asyncio.Task[Any] | None = None
        self._slot: RunContext | None = None
        self._hooked = False
        self._freed = freed
        self._attempt, self._began = (job.attempts, job.started), time.monotonic()
        self._called: _Called | None = None
        self._span: Run | None = None
        self._bound: bind_job | None = None
        self._has_context = False
        """Whether the context is this run's alone, and is gone with it."""

    def start(self, context: contextvars.Context) -> asyncio.Task[None]:
        """Begin, and with nothing to be done before it the job's function too, as soon as the loop can do that.

        Args:
            context: what this is called in, and nothing else.

        Returns:
            The task of `run`.
        """
        self._has_context = True
        if self._held is not None:
            self._enter()
            if self._job.function in self._worker.functions and not self._worker.has_before_hooks:
                self._start_function()
        return asyncio.get_running_loop().create_task(self.run(), name="process", context=context)

    def free(self) -> None:
        """Tell that the job's slot is free, unless that is told already."""
        freed, self._freed = self._freed, None
        if freed is not None:
            freed()

    async def run(self) -> None:
        """Run the job and write its outcome."""
        try:
            if self._bound is None:
                self._enter()
            await self._run()
        finally:
            self._leave()

    def _enter(self) -> None:
        job = self._job
        if self._held is None:
            job.started = now()
            job.attempts += 1
            job.worker_id = self._worker.id
        self._attempt, self._began = (job.attempts, job.started), time.monotonic()
        if self._worker.unwritten:
            self._worker.unwritten.discard(job)  # an earlier attempt of it
        self._span = begin_run(self._worker.queue, job, self._worker.id)
        if self._span is not None:
            # A sweep after our death knows of this attempt by it.
            if self._held is None:
                self._span.annotate()
            else:
                cast("Any", self._worker.queue).note(job, self._held, self._span.annotate)
        self._bound = bind_job(job, self._span.span if self._span else None)
        self._bound.__enter__()

    def _leave(self) -> None:
        if self._bound is not None and not self._has_context:
            self._bound.__exit__()
        self._worker.held.discard(self._job)
        if self._span is not None:
            self._span.end(self._context.get("exception"))

    async def _run(self) -> None:
        try:
            await self._start_and_finish()
        except asyncio.CancelledError:
            await self._cancelled()
        except Exception as error:  # noqa: BLE001 - whatever the job raises is its outcome, and is logged
            await self._failed(error)
        finally:
            self._forget()
            await self._after()

    async def _start_and_finish(self) -> None:
        if self._held is None and not await self._mark():
            return
        self._hooked = True
        if self._task is None:
            await self._worker._before_process(self._context)  # noqa: SLF001 - SAQ's seam for subclasses
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("Processing %s", self._job.info())
        result = await self._call()
        if self._abort_reason is None:
            await self._write(lambda: self._job.finish(Status.COMPLETE, result=result))
        else:
            await self._write_abort()

    async def _mark(self) -> bool:
        """Mark the job as active; return false where the broker is away, so that it is as if it had not been taken."""
        job = self._job
        try:
            await job.update(status=Status.ACTIVE)
        except self._worker.broker.unreachable as error:
            job.status, job.started, job.attempts = Status.QUEUED, 0, job.attempts - 1
            await self._worker.give_back(job, error)
            return False
        return True

    async def _call(self) -> Any:
        task, waiter = self._called or self._start_function()
        if not task.done():
            await _until_done(task, waiter, self._job.timeout)
        if not task.done():
            task.cancel()
            raise TimeoutError
        return task.result()

    def _start_function(self) -> _Called:
        worker, job = self._worker, self._job
        if job.function not in worker.functions:
            raise UnknownFunctionError(job.function, worker.queue.name, worker.functions)
        function = worker.coroutine_function(worker.functions[job.function])
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._function(function, waiter))
        self._slot = worker.watch(job, self._task)
        self._called = self._task, waiter
        return self._called

    async def _function(self, function: Callable[..., Any], waiter: asyncio.Future[None]) -> Any:
        try:
            return await function(self._context, **(self._job.kwargs or {}))
        finally:
            # The next job begins, and who waits for this one wakes up, in the next turn of the loop: else each job of a
            # busy loop would be late by two more of them.
            if not self._worker.after_process:
                self.free()
            _wake(waiter)

    async def _cancelled(self) -> None:
        """Sort out who cancelled: an abort, the end of the worker, or the job itself."""
        if self._abort_reason is not None:
            await self._write_abort()
            return
        current = asyncio.current_task()
        if not (current and current.cancelling()):
            await self._failed(JobCancelledError(f"the function {self._job.function!r} cancelled itself"))
            return
        await self._end_task()
        task = self._task
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            # It came to its end in the same moment: what is done must not be done again.
            await self._write(lambda: self._job.finish(Status.COMPLETE, result=task.result()))
            return
        # The worker's end is no failure of the job, so it uses up no attempt.
        self._job.attempts -= 1
        await self._write(lambda: self._job.retry("cancelled"))

    async def _failed(self, error: Exception) -> None:
        cast("dict[str, Any]", self._context)["exception"] = error
        if isinstance(error, UnknownFunctionError):
            logger.error("Error processing job %s: %s", self._job.info(), error)
        else:
            logger.error("Error processing job %s", self._job.info(), exc_info=error)
        await self._end_task()
        text = "".join(traceback.format_exception(error))
        self._job.result = None  # what could not be stored must not keep the failure from being stored
        try:
            if self._abort_reason is not None:
                await self._write_abort()
            elif self._job.retryable:
                await self._write(lambda: self._job.retry(text))
            else:
                await self._write(lambda: self._job.finish(Status.FAILED, error=text))
        except Exception:
            logger.exception("The failure of job %s is not written, a sweep will find it", self._job.key)

    async def _end_task(self) -> None:
        """Cancel the job's task and give it its deadline."""
        task = self._task
        if task is None or task.done():
            return
        task.cancel()
        _, pending = await asyncio.wait({task}, timeout=self._worker.cancellation_hard_deadline_s)
        if pending:
            self._worker.abandoned.add(task)
            logger.warning(
                "Function %r did not end when it was cancelled, it may be stuck or blocked",
                self._job.function,
                extra={"job_id": self._job.id},
            )

    @property
    def _abort_reason(self) -> str | None:
        """Why the job was aborted, whatever its function made of being cancelled; None where it was not."""
        return self._slot["aborted"] if self._slot is not None else None

    async def _write_abort(self) -> None:
        async def finish() -> None:
            self._job.error = self._abort_reason
            await self._worker.queue.finish_abort(self._job)

        await self._write(finish)

    async def _write(self, outcome: Callable[[], Awaitable[None]]) -> None:
        """Write an outcome: again and again while the broker can't be reached, until it is known that it is written."""
        if not self._worker.after_process:
            self.free()
        worker, key = self._worker, self._job.key
        for attempt in count():
            try:
                # What could not be written before may be written, and the job somebody else's by now.
                doubted = attempt > 0 or worker.may_have_lost(self._began) or self._may_be_swept()
                if not doubted or await worker.broker.expect(worker.queue, self._job, self._attempt):
                    await outcome()
            except worker.broker.unreachable as error:
                if worker.event.is_set() and attempt + 1 >= _WRITE_TRIES:
                    worker.unwritten.add(self._job)
                    logger.error("The outcome of job %s is not written, a sweep will find it: %s", key, error)  # noqa: TRY400
                    return
                if attempt + 1 == _TELL_TRIES:
                    logger.warning("The outcome of job %s can't be written yet, trying again: %s", key, error)
                backoff = min(attempt + 1, _WRITE_ATTEMPTS)
                await asyncio.sleep(exponential_backoff(backoff, _WRITE_BACKOFF_S, _WRITE_BACKOFF_MAX_S))
            else:
                if attempt >= _TELL_TRIES:
                    logger.info("The outcome of job %s is known", key)
                return

    def _may_be_swept(self) -> bool:
        """Tell whether it has run for so long that others may have taken it for stuck, though its worker lives."""
        ran_s, job = time.monotonic() - self._began, self._job
        return bool((job.heartbeat and ran_s >= job.heartbeat) or (job.timeout and ran_s >= job.timeout))

    def _forget(self) -> None:
        """Free the job's slot, unless a later attempt of the same key has taken it."""
        contexts, slot = self._worker.job_task_contexts, self._slot
        if slot is None:
            return
        if contexts.get(self._job) is slot:
            del contexts[self._job]
        if (written := slot.get("written")) is not None:
            _wake(written)

    async def _after(self) -> None:
        if not self._hooked:
            return
        try:
            await self._worker._after_process(self._context)  # noqa: SLF001 - SAQ's seam for subclasses
        except (Exception, asyncio.CancelledError):
            logger.exception("Failed to run after process hook")


def _held(job: Job, worker_id: str) -> bytes | None:
    """Return what is stored of a job that is marked as active for this worker already; else None."""
    held = pop_begun(job)
    if held is not None and job.worker_id != worker_id:  # taken for another one that has the same queue object
        job.attempts -= 1
        return None
    return held


def _wake(waiter: asyncio.Future[None], _: object = None) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _until_done(task: asyncio.Task[Any], waiter: asyncio.Future[None], timeout_s: float | None) -> None:
    """Wait for a task, or until its time is over, as `asyncio.wait` does in twice the time.

    Args:
        task: the task.
        waiter: done as soon as the task is about to be.
        timeout_s: its time.
    """
    wake = partial(_wake, waiter)
    timer = asyncio.get_running_loop().call_later(timeout_s, wake) if timeout_s else None
    task.add_done_callback(wake)  # one that is cancelled before it begins tells nobody
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()
