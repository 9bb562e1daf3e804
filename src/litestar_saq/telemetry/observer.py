"""What is observed of a queue as a whole: by one of its workers at a time, whichever holds the lease."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from litestar_saq.brokers.base import broker_of
from litestar_saq.telemetry._state import harmless
from litestar_saq.telemetry.attachment import telemetry_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from saq.queue.base import Queue

    from litestar_saq.telemetry.metrics import Observed

__all__ = ("OBSERVE_EVERY_S", "Observer")

OBSERVE_EVERY_S = 10.0
LEASE_S = 25.0
"""How long the observer may be silent before another worker takes over."""


class Observer:
    """Tells a worker's capacity, and its queue's depth where no other worker does.

    Args:
        queue: the queue.
        worker_id: the worker's id.
        concurrency: how many jobs it can run at a time.
    """

    def __init__(self, queue: Queue, worker_id: str, concurrency: int) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._concurrency = concurrency

    @property
    def wanted(self) -> bool:
        """Whether the queue's depth is to be observed."""
        telemetry = telemetry_of(self._queue)
        return telemetry is not None and telemetry.owner.metrics is not None and telemetry.options.queue_metrics

    async def observe(self, _every_s: float = OBSERVE_EVERY_S) -> None:
        """Ask for the queue's depth, or forget it where another worker tells it."""
        observed, name = self._observed(), self._queue.name
        if observed is None:
            return
        broker = broker_of(self._queue)
        if not await broker.hold_lease(self._queue, "observer", self._worker_id, LEASE_S):
            observed.depths.pop(name, None)
            return
        from litestar_saq.telemetry.metrics import QueueDepth  # noqa: PLC0415 - the package of an extra

        queued, active, incomplete = [await self._queue.count(kind) for kind in ("queued", "active", "incomplete")]
        jobs = {"queued": queued, "active": active, "scheduled": max(0, incomplete - queued - active)}
        observed.depths[name] = QueueDepth(jobs, await broker.oldest_job_s(self._queue) if queued else 0.0)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the worker's capacity inside."""
        observed, name = self._observed(), self._queue.name
        if observed is None:
            yield
            return
        observed.concurrency[name] += self._concurrency
        try:
            yield
        finally:
            observed.concurrency[name] -= self._concurrency
            observed.depths.pop(name, None)

    @harmless
    def _observed(self) -> Observed | None:
        telemetry = telemetry_of(self._queue)
        metrics = telemetry.owner.metrics if telemetry is not None else None
        return metrics.observed if metrics is not None else None
