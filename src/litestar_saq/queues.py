"""The configured queues, and which of them the running code sees."""

# Litestar resolves the types of TaskQueues at run time.
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Optional

from saq.queue.base import Queue

from litestar_saq.exceptions import UnknownQueueError

__all__ = ("TaskQueues", "connect_queues", "current_queues", "disconnect_queues")

logger = logging.getLogger(__name__)

current_queues: ContextVar[Optional["TaskQueues"]] = ContextVar("litestar_saq_queues", default=None)
"""The queues of the running worker, where it has its own because it runs in a thread."""


@dataclass
class TaskQueues:
    """Every configured queue by its name, in every process."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    """The queues by name."""

    def get(self, name: str) -> Queue:
        """Return a queue.

        Raises:
            UnknownQueueError: where none has that name; it lists the ones that there are.
        """
        try:
            return self.queues[name]
        except KeyError:
            raise UnknownQueueError(name, self.queues) from None


async def connect_queues(queues: TaskQueues, *, needed: str | None = None) -> None:
    """Connect every queue.

    Args:
        queues: the queues.
        needed: the queue without which nothing makes sense; of the others it is logged
            that they can't be reached, and they are tried again when they are used.
    """
    for name, queue in queues.queues.items():
        try:
            await queue.connect()
        except Exception as error:
            if name == needed:
                raise
            # One broker that is down must not keep the others' jobs from running.
            logger.warning("queue %r can't be reached now: %s", name, type(error).__name__)


async def disconnect_queues(queues: TaskQueues) -> None:
    """Disconnect every queue, the last one first; one that fails keeps no other from it."""
    for name, queue in reversed(list(queues.queues.items())):
        try:
            await queue.disconnect()
        except Exception as error:  # noqa: BLE001 - the process ends; what it did not give back ends with it
            logger.warning("queue %r could not be disconnected: %s", name, type(error).__name__)
