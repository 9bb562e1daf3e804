"""A process that runs workers: one in its main thread, or several in a thread and event loop each."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from logging.handlers import QueueListener
from typing import TYPE_CHECKING, Any, Protocol

from litestar_saq._job_threads import LoopThreads
from litestar_saq.exceptions import LitestarSaqError
from litestar_saq.queues import connect_queues, current_queues, disconnect_queues

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import NoReturn

    from litestar_saq.queues import TaskQueues
    from litestar_saq.worker import Worker

__all__ = ("WorkerFactory", "WorkerSource", "run_child", "run_workers")

logger = logging.getLogger(__name__)

_PARENT_POLL_S = 0.5
_REST_S = 2.0
"""How long what is left in the event loop, and in its threads, gets to end."""
_TELL_EACH_S = 0.2
_TELL_AT_LEAST = 5
_COLLECT_AFTER = 20_000
"""New objects after which the collector looks for garbage in a ring; Python's 700 are those of ten jobs, and spans that
wait for their export are some ten thousand."""


class WorkerFactory(Protocol):
    """Makes workers in the process that runs them."""

    def make_worker(self, name: str, *, own_queues: bool = False) -> tuple[Worker, TaskQueues]:
        """Return the worker of a queue and every configured queue; its own set of them where asked for."""
        ...

    def start_process(self, names: Sequence[str]) -> None:
        """Set up what a process needs before its workers are made."""
        ...

    def flush_telemetry(self) -> bool:
        """Export what was recorded; return whether it was in time."""
        ...


class WorkerSource(Protocol):
    """Finds the factory in a child process; it must be picklable where children are not forked."""

    def load(self) -> WorkerFactory:
        """Return the factory, and set the child's logging up."""
        ...


def run_child(source: WorkerSource, names: Sequence[str]) -> None:
    """Run workers in a child of the supervisor; the entry of its process."""
    # The parent tells the child to end: Ctrl-C reaches both, and must not end it twice.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _exit_before_start)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    run_workers(source.load(), names, watch_parent=True)


def run_workers(factory: WorkerFactory, names: Sequence[str], *, watch_parent: bool = False) -> NoReturn:
    """Run workers until they are told to end, then leave the process.

    Args:
        factory: makes the workers.
        names: their queues; more than one run in a thread each.
        watch_parent: whether the death of the parent ends them too.
    """
    factory.start_process(names)
    # What is loaded by now stays: the collector, which has work with each job's objects, need not go through it again.
    gc.collect()
    gc.freeze()
    first, *others = gc.get_threshold()
    if 0 < first < _COLLECT_AFTER:  # 0 is an application that wants none of it
        gc.set_threshold(_COLLECT_AFTER, *others)
    group = _Group(factory, watch_parent=watch_parent)
    code = group.run_one(names[0]) if len(names) == 1 else group.run_threads(names)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    exported = factory.flush_telemetry()
    _flush_logs()
    if group.abandoned or not exported:
        # An orderly exit would wait: for a thread, which goes on, or for an exporter that hangs.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _exit_before_start(_signum: int, _frame: FrameType | None) -> None:
    # Nothing is started that has to end. An exception would be lost where the signal comes upon a finalizer.
    os._exit(0)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes uvloop's event loops, as servers use them, where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - an application's choice
    except ImportError:
        return None
    return uvloop.new_event_loop


def _flush_logs() -> None:
    """Write what loggers hold back: a process of multiprocessing leaves without doing so."""
    for log in (logging.getLogger(), *logging.root.manager.loggerDict.values()):
        for handler in getattr(log, "handlers", ()):
            listener = getattr(handler, "listener", None)
            # One that never ran in this process, or has ended, has no thread.
            if isinstance(listener, QueueListener) and getattr(listener, "_thread", None) is not None:
                listener.stop()
                listener.start()  # whoever made it stops it at the interpreter's end, and can't do so twice
    logging.shutdown()


class _Group:
    def __init__(self, factory: WorkerFactory, *, watch_parent: bool) -> None:
        self._factory = factory
        self._watch_parent = watch_parent
        self._parent = os.getppid()
        self._stops: list[Callable[[], object]] = []
        self._hurries: list[Callable[[], object]] = []
        self._stopping = False
        self._signals = itertools.count()
        self._hurry_told = False
        self._lock = threading.RLock()  # a signal's handler may come upon its own thread inside
        self._codes: list[int] = []
        self.abandoned = False

    def run_one(self, name: str) -> int:
        """Run a worker in the main thread."""
        self._handle_signals()
        return self._guarded(name, in_thread=False)

    def run_threads(self, names: Sequence[str]) -> int:
        """Run a worker in a thread each; when one fails all end."""
        self._handle_signals()
        threads = [threading.Thread(target=self._in_thread, args=(name,), name=f"worker-{name}") for name in names]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            if self._orphaned() and not self._stopping:
                self._stop_orphan()
            alive[0].join(0.2)
            if any(self._codes):
                self._stop()
        return max(self._codes, default=0)

    def _handle_signals(self) -> None:
        # Not SAQ's own handling: it ends with the worker, and what comes after would be cut off by a second signal.
        signal.signal(signal.SIGTERM, self._signalled)
        if not self._watch_parent:
            signal.signal(signal.SIGINT, self._signalled)

    def _signalled(self, _signum: int, _frame: FrameType | None) -> None:
        # It may come upon whatever the main thread does, itself too: nothing here may take a lock that is not
        # reentrant, as those of an Event and of a log's queue. What is to be done is the event loops'.
        if next(self._signals) == 0 and not self._stopping:
            self._stop()
            return
        with self._lock:
            hurries, self._hurries = self._hurries, []
        _call_all(hurries)

    def _hurry(self, worker: Worker) -> None:
        with self._lock:
            told, self._hurry_told = self._hurry_told, True
        if not told:
            logger.warning("told to end again: running jobs are cancelled and put back")
        worker.hurry()

    def _in_thread(self, name: str) -> None:
        self._codes.append(self._guarded(name, in_thread=True))

    def _guarded(self, name: str, *, in_thread: bool) -> int:
        runner = asyncio.Runner(loop_factory=_loop_factory())
        threads = LoopThreads()
        runner.get_loop().set_default_executor(threads)
        try:
            runner.run(self._run(name, in_thread=in_thread))
        except LitestarSaqError as error:  # it says all that there is to say
            logger.error("The worker of queue %r ended: %s", name, error)  # noqa: TRY400
            return 1
        except Exception as error:
            logger.exception("The worker of queue %r ended: %s", name, type(error).__name__)
            return 1
        finally:
            self._close(runner, threads)
        return 0

    def _close(self, runner: asyncio.Runner, threads: LoopThreads) -> None:
        """Close the loop, unless something in it does not end: that would be waited for."""
        deadline = time.monotonic() + _REST_S
        tasks = runner.run(_end_others(deadline))
        if tasks:
            logger.error("These tasks do not end, and are left: %s", ", ".join(sorted(map(_described, tasks))))
        calls = threads.wait(max(0.0, deadline - time.monotonic()))
        if calls:
            logger.error("Threads do not end, and are left: %d of asyncio.to_thread or run_in_executor", calls)
        if tasks or calls:
            self.abandoned = True
        else:
            runner.close()

    async def _run(self, name: str, *, in_thread: bool) -> None:
        worker, queues = self._factory.make_worker(name, own_queues=in_thread)
        worker.SIGNALS = []
        if in_thread:
            current_queues.set(queues)
        loop = asyncio.get_running_loop()
        watching = None if in_thread or not self._watch_parent else loop.create_task(self._end_with_parent())
        connecting = loop.create_task(connect_queues(queues, needed=name))
        with self._lock:
            # A broker that does not answer must not hold up the end.
            for stop in (worker.request_stop, connecting.cancel):
                self._stops.append(partial(loop.call_soon_threadsafe, stop))
            self._hurries.append(partial(loop.call_soon_threadsafe, partial(self._hurry, worker)))
        try:
            if self._stopping:
                connecting.cancel()
            # A worker whose broker is away lives.
            async with worker.alive():
                with suppress(asyncio.CancelledError):
                    await connecting
                    await worker.start()
        finally:
            if watching is not None:
                watching.cancel()
            self.abandoned = self.abandoned or bool(worker.abandoned)
            await disconnect_queues(queues)

    async def _end_with_parent(self) -> None:
        while not self._orphaned():  # noqa: ASYNC110 - nothing tells us of it
            await asyncio.sleep(_PARENT_POLL_S)
        self._stop_orphan()

    def _stop_orphan(self) -> None:
        logger.error("the parent of process %s is gone, it ends", multiprocessing.current_process().name)
        self._stop()

    def _orphaned(self) -> bool:
        """Tell whether the process that started us is gone.

        By our parent's pid where we were forked: siblings that were forked after us hold multiprocessing's sentinel
        open. By the sentinel elsewhere: a fork server outlives the process that it serves.
        """
        if not self._watch_parent:
            return False
        starter = multiprocessing.parent_process()
        return os.getppid() != self._parent or (starter is not None and not starter.is_alive())

    def _stop(self) -> None:
        self._stopping = True
        with self._lock:
            stops, self._stops = self._stops, []
        _call_all(stops)


async def _end_others(deadline: float) -> set[asyncio.Task[Any]]:
    """Cancel every other task of the loop; return those that have not ended by then."""
    # A library may lose a cancellation: then it is told once more, and a process that was held up has no less of it.
    told = 0
    while (rest := asyncio.all_tasks() - {asyncio.current_task()}) and (
        told < _TELL_AT_LEAST or time.monotonic() < deadline
    ):
        told += 1
        for task in rest:
            task.cancel()
        await asyncio.wait(rest, timeout=_TELL_EACH_S)
    return rest


def _described(task: asyncio.Task[Any]) -> str:
    coroutine: Any = task.get_coro()
    return f"{task.get_name()} ({getattr(coroutine, '__qualname__', type(coroutine).__name__)})"


def _call_all(calls: list[Callable[[], object]]) -> None:
    for call in calls:
        try:
            call()
        except RuntimeError:  # its loop is closed already
            continue
