"""A worker's sign of life at the broker: when it ends, others take its jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from litestar_saq._fetcher import pause
from litestar_saq.telemetry import quiet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from saq.queue.base import Queue

__all__ = ("Keeper", "Lease", "Leases")

logger = logging.getLogger(__name__)

_EVERY = 0.4
"""After which part of a lease's time the next sign is given."""
_AGAIN_S = 1.0
_ANSWER_S = 2.0
_LOOK_S = 0.5


class Keeper(Protocol):
    """Keeps a lease from a thread."""

    def hold(self) -> None:
        """Take or keep it."""

    def close(self) -> None:
        """Need it no more."""


class Leases(Protocol):
    """The leases of a queue's workers."""

    lease_s: float
    """How long a worker counts as living after its last sign, in seconds."""

    def keeper(self, worker_id: str, slots: int | None = None) -> Keeper | None:
        """Return what keeps a worker's lease in a thread, where that can be."""

    async def hold(self, worker_id: str, slots: int | None = None) -> None:
        """Take or keep the lease of a worker that runs so many jobs at a time."""

    async def succeed(self, worker_id: str) -> bool:
        """Take the jobs of an earlier worker of this id from it, if its lease is over; tell whether it is."""
        ...

    async def let_go(self, worker_id: str) -> None:
        """End the lease of a worker that has no jobs any more."""


class Lease:
    """The lease of one worker, kept by a thread: an event loop that is busy is not dead.

    Args:
        queue: whose worker it is.
        leases: the queue's leases.
        worker_id: the worker.
        slots: how many jobs it runs at a time.
    """

    def __init__(self, queue: Queue, leases: Leases, worker_id: str, slots: int) -> None:
        self._queue, self._leases, self._worker_id, self._slots = queue, leases, worker_id, slots
        self._held = self._since = time.monotonic()
        self._ending = threading.Event()

    @property
    def lapsed(self) -> bool:
        """Whether it may be over, and the jobs somebody else's."""
        return time.monotonic() - self._held > self._leases.lease_s

    def lapsed_since(self, moment: float) -> bool:
        """Tell whether it may have been over at some time since a moment of the monotonic clock."""
        return self.lapsed or self._since > moment

    @property
    def is_steady(self) -> bool:
        """Whether it has not been over for a while: after an outage of the broker every worker's is, for a moment."""
        return not self.lapsed and time.monotonic() - self._since >= self._leases.lease_s

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep it inside."""
        self._held = self._since = time.monotonic()
        await self._hold()
        keeper = self._leases.keeper(self._worker_id, self._slots)
        if keeper is None:
            beats = asyncio.create_task(self._beat())
            try:
                yield
            finally:
                beats.cancel()
                await asyncio.wait({beats})
            return
        thread = threading.Thread(target=self._keep, args=(keeper,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            # A sign that is under way would come after the end of the lease.
            await asyncio.to_thread(thread.join, _ANSWER_S)

    async def succeed(self, ending: asyncio.Event) -> bool:
        """Wait until the lease of an earlier worker of the same id is over, and its jobs are back.

        Returns:
            Whether that is so, or can't be known as the broker is away; else there is another one now.
        """
        deadline = time.monotonic() + self._leases.lease_s + _ANSWER_S
        while not ending.is_set():
            is_known, is_late = True, time.monotonic() > deadline
            try:
                with quiet(self._queue):
                    if await self._leases.succeed(self._worker_id):
                        return True
            except Exception as error:  # noqa: BLE001 - the broker is away, which is told elsewhere
                logger.debug("The jobs of an earlier worker %s: %s", self._worker_id, type(error).__name__)
                is_known = False
            if is_late:
                if not is_known:
                    return True
                logger.warning(
                    "Another worker has the id %r too: this one has no lease, and when that one dies, the jobs of both "
                    "are taken for its own and run again. Give each worker an id of its own, or none",
                    self._worker_id,
                )
                return False
            await pause(_LOOK_S, ending)
        return False

    async def end(self) -> None:
        """End it, where no job is left."""
        with contextlib.suppress(Exception), quiet(self._queue):
            async with asyncio.timeout(_ANSWER_S):
                await self._leases.let_go(self._worker_id)

    def _keep(self, keeper: Keeper) -> None:
        while not self._ending.is_set():
            at, every_s = time.monotonic(), self._leases.lease_s * _EVERY
            try:
                with quiet(self._queue):
                    keeper.hold()
                self._note(at)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                logger.debug("No sign of life of worker %s: %s", self._worker_id, type(error).__name__)
                every_s = min(every_s, _AGAIN_S)
            self._ending.wait(every_s)
        keeper.close()

    def _note(self, at: float) -> None:
        if self.lapsed:
            self._since = at
        self._held = at

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._leases.lease_s * _EVERY)
            await self._hold()

    async def _hold(self) -> None:
        at = time.monotonic()
        try:
            with quiet(self._queue):
                async with asyncio.timeout(_ANSWER_S):
                    await self._leases.hold(self._worker_id, self._slots)
            self._note(at)
        except Exception as error:  # noqa: BLE001 - the broker is away, which is told elsewhere
            logger.debug("No sign of life of worker %s: %s", self._worker_id, type(error).__name__)
