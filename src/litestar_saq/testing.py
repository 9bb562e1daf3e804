"""For tests of an application: a queue in memory, running it, and looking at what was enqueued.

Example:
    ```python
    queue = InMemoryQueue()
    plugin = SAQPlugin(SAQConfig(queue_instances={"default": queue}))
    ...
    assert_enqueued(queue, "send_mail", to="ada@example.org")
    [job] = await run_until_empty(queue, [send_mail])
    assert job.status == "complete"
    ```
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from litestar_saq._testing.broker import MemoryBroker
from litestar_saq._testing.observed import ObservedWorker
from litestar_saq._testing.queue import InMemoryQueue
from litestar_saq._testing.wanted import Wanted, describe
from litestar_saq.jobs import function_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from litestar_saq.jobs import Job
    from litestar_saq.typing import Task

__all__ = ("InMemoryQueue", "MemoryBroker", "assert_enqueued", "assert_not_enqueued", "run_until_empty")

_TIMERS = {"abort": 0.05, "schedule": 0.05}
"""Seconds between a worker's looks at what was aborted and what is due: a test should not wait a second."""


def assert_enqueued(queue: InMemoryQueue, function: str | Task, /, **expected: Any) -> Job:
    """Return the first job of a function that was enqueued, whatever has become of it.

    Args:
        queue: the queue.
        function: the function or its name.
        **expected: what the job holds at least: arguments of the function, or fields of the
            job such as `key`, `timeout` and `scheduled`. Values are the same where they are
            equal, or equal to what they are once stored (a tuple is a list then).

    Raises:
        AssertionError: where there is none; it says which comes nearest, and lists them all.
    """
    wanted = Wanted(queue, function_name(function), expected)
    for job in queue.enqueued:
        if wanted.matches(job):
            return job
    raise AssertionError(wanted.report())


def assert_not_enqueued(queue: InMemoryQueue, function: str | Task | None = None, /, **expected: Any) -> None:
    """Make sure that no such job was enqueued.

    Args:
        queue: the queue.
        function: the function or its name; None stands for any.
        **expected: what the job would hold; see `assert_enqueued`.

    Raises:
        AssertionError: where there is one; it lists all that were enqueued.
    """
    for number, job in enumerate(queue.enqueued, start=1):
        wanted = Wanted(queue, job.function if function is None else function_name(function), expected)
        if wanted.matches(job):
            raise AssertionError(f"job {number} was enqueued to queue {queue.name!r}\n{describe(queue.enqueued)}")


async def run_until_empty(
    queue: InMemoryQueue,
    functions: Collection[Task | tuple[str, Task]],
    *,
    timeout_s: float = 60.0,
    **worker_options: Any,
) -> list[Job]:
    """Run a queue's jobs, and those that they enqueue to it, until none is queued, due or running.

    A real `Worker` runs them in this event loop, with its hooks, time-outs and retries.
    Jobs that are scheduled for later stay, a retry with a delay among them;
    `InMemoryQueue.make_due` makes them due.

    Args:
        queue: the queue.
        functions: the worker's functions, or pairs of a name and a function.
        timeout_s: seconds after which it is given up.
        **worker_options: other arguments of `Worker`, such as `before_process` and `task_queues`.

    Returns:
        The jobs that came to their end, in this order.

    Raises:
        UnknownFunctionError: where a job's function is not among the worker's.
        TimeoutError: where jobs are left after `timeout_s`; it names them.
    """
    worker = ObservedWorker(queue, functions, **{"timers": _TIMERS, **worker_options})
    finished_before = len(queue.finished)
    running = asyncio.create_task(worker.start())
    try:
        async with asyncio.timeout(timeout_s):
            await worker.wait_until_idle(running)
    except TimeoutError:
        left = ", ".join(f"{job.function} ({job.status.value})" for job in worker.left())
        raise TimeoutError(f"queue {queue.name!r} is not empty after {timeout_s:g} s: {left}") from None
    finally:
        await worker.stop()
        await running
    return queue.finished[finished_before:]
