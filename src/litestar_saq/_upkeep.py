"""What a worker does again and again beside its jobs."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from litestar_saq._fetcher import pause
from litestar_saq.brokers.base import Address, broker_of
from litestar_saq.telemetry import quiet
from litestar_saq.telemetry import upkeep as upkeep_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from saq.queue.base import Queue

__all__ = ("Upkeep", "advise", "repeat")

logger = logging.getLogger(__name__)

Upkeep = tuple["Callable[[Any], Coroutine[Any, Any, Any]]", float, float]
"""What is done, the seconds from one time to the next, and its argument."""


_TOLD = 200
_advised: set[Address | None] = set()
"""The brokers that this process has given advice on."""


async def advise(queue: Queue) -> None:
    """Warn, once in each process, of what of the broker is dangerous to jobs."""
    broker = broker_of(queue)
    address = broker.address(queue)
    if address in _advised:
        return
    _advised.add(address)
    with contextlib.suppress(Exception), quiet(queue):  # it is no more than advice
        for sentence in await broker.advice(queue):
            logger.warning("The broker of queue %r is dangerous to jobs: %s", queue.name, sentence)


async def repeat(queue: Queue, upkeep: Upkeep, ending: asyncio.Event) -> None:
    """Do it until the worker ends; what fails is tried again."""
    step, every_s, argument = upkeep
    failing = False
    while not ending.is_set():
        try:
            with upkeep_of(queue):
                await step(argument)
            failing = False
        except Exception as error:
            # Once for each outage, not once a second.
            if not failing:
                told = str(error)[:_TOLD]  # redis-py tells of each sentinel all that there is
                logger.warning("Upkeep %s failed: %s", step.__name__, told, exc_info=logger.isEnabledFor(10))
            failing = True
        await pause(every_s, ending)
