"""Worker processes: started, watched, started again, and ended within a budget.

The only place that does the arithmetic of shutdown; the command line and the server's lifespan both use it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from saq.utils import exponential_backoff

from litestar_saq._child import run_child
from litestar_saq.exceptions import ImproperConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection
    from multiprocessing.process import BaseProcess

    from litestar_saq._child import WorkerSource
    from litestar_saq.queue_config import QueueConfig

__all__ = ("Supervisor", "WorkerProcess", "check_stop_budget", "plan_processes", "stop_budget_s")

logger = logging.getLogger(__name__)

STOP_MARGIN_S = 10.0
"""What a worker gets, on top of its jobs' grace and deadline, for hooks, telemetry and connections."""
KILL_WAIT_S = 5.0
_LOOK_S = 0.2
_SAQ_DEADLINE_S = 1.0
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 30.0
_STEADY_S = 30.0
"""A process that lived this long starts its backoff anew."""


def stop_budget_s(configs: Collection[QueueConfig]) -> float:
    """Return the seconds after which a worker process that was told to end is killed.

    The longest grace and cancellation deadline of its queues, and `STOP_MARGIN_S`.
    """
    jobs = [
        (config.shutdown_grace_period_s or 0) + (config.cancellation_hard_deadline_s or _SAQ_DEADLINE_S)
        for config in configs
    ]
    return max(jobs, default=0.0) + STOP_MARGIN_S


def check_stop_budget(configs: Collection[QueueConfig], given_s: float) -> None:
    """See that what ends these workers gives them the time that they may need.

    Args:
        configs: their queues.
        given_s: seconds from the first signal to the one that nothing outlives.

    Raises:
        ImproperConfigurationError: where that is less.
    """
    for config in configs:
        needed_s = stop_budget_s([config])
        if given_s < needed_s:
            raise ImproperConfigurationError(
                f"the workers of queue {config.name!r} may need {needed_s:g} s to end: the jobs' grace "
                f"(shutdown_grace_period_s={config.shutdown_grace_period_s or 0}), their deadline once cancelled "
                f"(cancellation_hard_deadline_s={config.cancellation_hard_deadline_s or _SAQ_DEADLINE_S:g}) and "
                f"{STOP_MARGIN_S:g} s for what follows; {given_s:g} s are less"
            )


@dataclass
class WorkerProcess:
    """A process to run: its name, and the queues whose workers are in it."""

    name: str
    queues: tuple[str, ...]
    burst: bool = False
    """Whether it ends by itself; one that does not and yet ends has died."""
    process: BaseProcess | None = None
    started: float = 0.0
    restarts: int = 0
    due: float | None = 0.0
    """When to start it (monotonic seconds); None while it runs or is done."""


def plan_processes(configs: Collection[QueueConfig], workers: int) -> list[WorkerProcess]:
    """Return the processes of these queues.

    Args:
        configs: the queues.
        workers: how many workers each queue has.

    Returns:
        For each worker of a queue with `multiprocessing` one process; for all of those with `threading` together
        one process for each of the `workers`.
    """
    groups = [[config] for config in configs if config.multiprocessing_mode == "multiprocessing"]
    if threads := [config for config in configs if config.multiprocessing_mode == "threading"]:
        groups.append(threads)
    planned = [(tuple(config.name for config in group), all(config.burst for config in group)) for group in groups]
    return [
        WorkerProcess(f"{'+'.join(names)}-{i + 1}", names, burst) for names, burst in planned for i in range(workers)
    ]


@dataclass
class Supervisor:
    """Keeps worker processes running until it is told to stop.

    Args:
        processes: what to run.
        source: how a child finds what it runs.
        budget_s: see `stop_budget_s`.
    """

    processes: list[WorkerProcess]
    source: WorkerSource
    budget_s: float
    _wake: tuple[int, int] = field(default=(-1, -1), init=False)
    _hurried: bool = field(default=False, init=False)
    _stopping: bool = field(default=False, init=False)
    _because: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)

    def start(self) -> None:
        """Start every process that is not running and whose time has come."""
        for worker in self.processes:
            if worker.due is not None and worker.due <= time.monotonic() and not self._stopping:
                self._launch(worker)

    def request_stop(self, because: str = "") -> None:
        """Make `watch` end the processes, and say why; safe in any thread, and in signal handlers, one upon another."""
        self._because, self._stopping = because, True
        with contextlib.suppress(BlockingIOError):  # full of wake-ups already
            os.write(self._wake[1], b"x")

    def hurry(self) -> None:
        """Tell the processes once more to end, upon which they wait no more for jobs; safe in a signal handler."""
        self._hurried = True

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    @property
    def wake_fd(self) -> int:
        """What makes `watch` look around when a byte is written to it (`signal.set_wakeup_fd`)."""
        return self._wake[1]

    def watch(self) -> int:
        """Watch the processes until they are done or `request_stop` is called, then end them.

        Returns:
            The exit code: 0 where all ended in order, 1 where one had to be killed.
        """
        while not self._stopping and any(w.process or w.due is not None for w in self.processes):
            self._wait_for_change()
            if self.is_stopping:
                break  # who was told so too may have ended before us
            for worker in self.processes:
                if worker.process is not None and not worker.process.is_alive():
                    self._ended(worker)
            self.start()
        return self.stop()

    def stop(self) -> int:
        """End every process: SIGTERM, then SIGKILL to what is left after the budget."""
        self._stopping = True
        if self._because:
            logger.info("%s: ending the workers within %.0f s", self._because, self.budget_s)
        running = [worker.process for worker in self.processes if worker.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + self.budget_s
        while (left_s := deadline - time.monotonic()) > 0 and any(process.is_alive() for process in running):
            # A signal that comes upon one that is still pending is none: they are told until they have ended.
            if self._hurried:
                for process in running:
                    process.terminate()
            wait([process.sentinel for process in running if process.is_alive()], timeout=min(left_s, _LOOK_S))
        killed = [process for process in running if process.is_alive()]
        for process in killed:
            logger.error("worker process %s did not end within %.0f s and is killed", process.name, self.budget_s)
            process.kill()
            process.join(KILL_WAIT_S)
        return 1 if killed else 0

    def close(self) -> None:
        """Free what was opened to wake the watching."""
        for end in self._wake:
            os.close(end)

    def _wait_for_change(self) -> None:
        sentinels = [worker.process.sentinel for worker in self.processes if worker.process is not None]
        dues = [worker.due - time.monotonic() for worker in self.processes if worker.due is not None]
        wait([*sentinels, self._wake[0]], timeout=max(0.0, min(dues)) if dues else None)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake[0], 4096)

    def _ended(self, worker: WorkerProcess) -> None:
        process, worker.process = worker.process, None
        code = process.exitcode if process else 0
        if code == 0 and worker.burst:
            return
        if time.monotonic() - worker.started > _STEADY_S:
            worker.restarts = 0
        worker.restarts += 1
        delay = exponential_backoff(worker.restarts, _BACKOFF_S, _BACKOFF_MAX_S, jitter=False)
        worker.due = time.monotonic() + delay
        logger.error(
            "worker process %s ended unexpectedly (%s), it starts again in %.1f s", worker.name, _why(code), delay
        )

    def _launch(self, worker: WorkerProcess) -> None:
        # A fork of a process with threads may begin with a lock that nobody will ever open.
        restart_in_thread = worker.restarts and threading.active_count() > 1
        context: Any = multiprocessing.get_context("spawn" if restart_in_thread else None)
        process: BaseProcess = context.Process(
            target=run_child, args=(self.source, worker.queues), name=f"worker-{worker.name}"
        )
        if context.get_start_method() != "fork":
            resource_tracker.ensure_running()  # its start, else part of the child's, lets through what is blocked
        # The child lets them through once it has handlers of its own, and not ours.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        worker.process = process
        worker.started, worker.due = time.monotonic(), None


def _why(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
