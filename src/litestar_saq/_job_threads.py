"""The threads of synchronous jobs, and those that jobs use by `asyncio.to_thread`."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("JobThreads", "LoopThreads")


class JobThreads(Executor):
    """Runs functions in threads that do not hold up the end of the process.

    The interpreter waits for the threads of a `ThreadPoolExecutor` before it ends, and so a job that outlasts its
    grace and can't be cancelled would keep a server from stopping.
    """

    def __init__(self) -> None:
        self._most = min(32, (os.cpu_count() or 1) + 4)  # as ThreadPoolExecutor has it
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a thread, once one is free.

        Raises:
            RuntimeError: where it was shut down.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker has ended and runs no more functions")
            self._calls.put((future, lambda: fn(*args, **kwargs)))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._work, name="saq-job", daemon=True))
                self._threads[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end when they are done with their functions."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                with suppress(Empty):
                    while call := self._calls.get_nowait():
                        call[0].cancel()
            self._calls.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while call := self._calls.get():
            _run(*call)
            del call  # what a job was given and gave is not kept by an idle thread
            self._idle.release()
        self._calls.put(None)  # for the next one


class LoopThreads(ThreadPoolExecutor):
    """An event loop's own threads, of which it is known what goes on: asyncio would wait for minutes, or for ever."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="asyncio")
        self._calls: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a thread, as `ThreadPoolExecutor` does."""
        future = super().submit(fn, *args, **kwargs)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return future

    def wait(self, seconds: float) -> int:
        """Wait for what runs; return how many calls go on."""
        return len(wait_for(set(self._calls), seconds).not_done)


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - it is the caller's, who gets it from the future
        future.set_exception(error)
    else:
        future.set_result(result)
