"""What the brokers say about the configured queues."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from litestar_saq.brokers.base import broker_of

if TYPE_CHECKING:
    from saq.queue.base import Queue

    from litestar_saq.queues import TaskQueues

__all__ = ("QueueStatus", "queue_statuses")


@dataclass
class QueueStatus:
    """A queue as its broker tells it; the numbers are None where it can't be reached."""

    name: str
    broker: str
    reachable: bool
    queued: int | None = None
    active: int | None = None
    scheduled: int | None = None
    workers: int | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


async def queue_statuses(queues: TaskQueues, *, timeout_s: float) -> list[QueueStatus]:
    """Ask the broker of every queue, all at once.

    Args:
        queues: the queues; they are connected and disconnected.
        timeout_s: seconds after which a broker counts as not reachable.
    """
    return list(await asyncio.gather(*(_ask(queue, timeout_s) for queue in queues.queues.values())))


async def _ask(queue: Queue, timeout_s: float) -> QueueStatus:
    status = QueueStatus(queue.name, broker_of(queue).name, reachable=False)
    try:
        async with asyncio.timeout(timeout_s):
            await queue.connect()
            info = await queue.info()
    except TimeoutError:
        status.error = f"no answer within {timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 - every client has errors of its own, and each means the same here
        # Its text may hold a DSN.
        status.error = type(error).__name__
    else:
        status.reachable, status.workers = True, len(info["workers"])
        status.queued, status.active, status.scheduled = info["queued"], info["active"], info["scheduled"]
    await _leave(queue)
    return status


async def _leave(queue: Queue) -> None:
    try:
        async with asyncio.timeout(1.0):
            await queue.disconnect()
    except Exception:  # noqa: BLE001, S110 - the answer is known, and the process ends
        pass
