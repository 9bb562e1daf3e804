"""What every broker has to know beyond SAQ's queue."""

from __future__ import annotations

import logging
from abc import ABC
from dataclasses import fields
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast
from uuid import UUID

from saq.job import Job as SaqJob
from saq.job import Status
from saq.queue.base import Queue, logger
from saq.utils import now

from litestar_saq._metadata import ON_LOSS, ON_LOSS_VALUES
from litestar_saq.brokers._reading import check_fields, read_job
from litestar_saq.brokers._sweeping import Sweeping
from litestar_saq.exceptions import JobTooLargeError
from litestar_saq.jobs import Job, make_key, mark_made

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from litestar_saq.typing import Redact

__all__ = ("REDACT", "Address", "Broker", "QueueMixin", "broker_of", "redact_of", "register_broker")

LEASE_S = 10.0
"""How long a worker counts as living after its last sign, unless that is set."""


class Address(NamedTuple):
    """Where a broker is: a host and port, or a socket's path and no port."""

    host: str
    port: int | None


class Broker(ABC):  # noqa: B024 - a base to derive from; a foreign queue uses it as it is
    """What a kind of broker adds to SAQ's queue, for our queues and for stock ones alike.

    It keeps no state: everything that it does, it does to the queue that it is given.
    """

    name: ClassVar[str] = "other"
    """The broker's name in telemetry and in `workers status`."""
    fetch_block_s: ClassVar[float | None] = 1.0
    """How many seconds a fetch may block, where cancelling it could lose the job that it just got;
    None where it can be cancelled at any moment."""
    unreachable: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    """Errors that say that the broker can't be reached, and not that what it was asked is wrong."""

    def address(self, queue: Queue) -> Address | None:
        """Return where the broker is, never its credentials."""
        del queue
        return None

    async def touch(self, queue: Queue, job: SaqJob) -> bool:
        """Tell the broker that a running job is alive.

        This base reads the job and writes it back: not atomic, so a change in between
        may be undone. Brokers that can do better do.

        Returns:
            Whether the job is still this attempt and running.
        """
        stored = await queue.job(job.key)
        if stored is None or not same_attempt(stored, job):
            return False
        await queue.update(stored)
        job.touched = stored.touched
        return True

    async def expect(self, queue: Queue, job: SaqJob, attempt: tuple[int, int]) -> bool:
        """Tell whether what is stored is an attempt of a job that is not over; what is written next is for it alone.

        Args:
            queue: the job's queue.
            job: the job, whatever it has become here.
            attempt: the attempt's number, and when it began.
        """
        return is_attempt(await queue.job(job.key), attempt)

    async def release(self, queue: Queue, job: SaqJob) -> None:
        """Put a job back that was fetched and not started, with no attempt used up."""
        await queue.retry(job, job.error)

    async def hold_lease(self, queue: Queue, name: str, owner: str, ttl_s: float) -> bool:
        """Take a lease of the queue's, or keep it: one owner has it at a time, until it has not been kept for a while.

        This base knows of none, so nobody gets it.

        Returns:
            Whether the owner has it now.
        """
        del queue, name, owner, ttl_s
        return False

    async def advice(self, queue: Queue) -> list[str]:
        """Return what of the broker is dangerous to jobs, and what to do about it: a sentence for each."""
        del queue
        return []

    async def oldest_job_s(self, queue: Queue) -> float | None:
        """Return for how many seconds the oldest job that is due has been waiting; None where it can't be told."""
        del queue
        return None

    async def forget_worker(self, queue: Queue, worker_id: str) -> None:
        """Make the broker forget a worker that has ended; here it does so by itself, when the worker's time is up."""
        del queue, worker_id


def is_attempt(stored: SaqJob | None, attempt: tuple[int, int]) -> bool:
    """Tell whether a stored job is this attempt, and not over."""
    running = {Status.ACTIVE, Status.ABORTING}
    return stored is not None and stored.status in running and (stored.attempts, stored.started) == attempt


def check_meta(function: str, meta: Mapping[str, Any] | None) -> None:
    """Refuse metadata that asks for what there is not.

    Raises:
        ValueError: where it does.
    """
    if isinstance(meta, dict) and (asked := meta.get(ON_LOSS, ON_LOSS_VALUES[0])) not in ON_LOSS_VALUES:
        accepted = " or ".join(map(repr, ON_LOSS_VALUES))
        raise ValueError(f"meta[{ON_LOSS!r}] = {asked!r} of a job of {function!r} is not accepted: {accepted}")


def same_attempt(stored: SaqJob, job: SaqJob) -> bool:
    """Tell whether a stored job is the running attempt that we hold."""
    return stored.status == Status.ACTIVE and stored.attempts == job.attempts and stored.started == job.started


class QueueMixin(Sweeping):
    """Goes before SAQ's queue class: jobs become ours, which show no arguments in logs."""

    job_defaults: Mapping[str, Any] = MappingProxyType({})
    """What is set of a job that is enqueued by its function's name, where that is not said."""
    max_job_bytes: int | None = None
    """How many bytes a job may take that is enqueued."""

    def deserialize(
        self, payload: dict[str, Any] | str | bytes | None, status: Status | str | None = None
    ) -> Job | None:
        """Read a job.

        Raises:
            UnreadableJobError: where that is no job of this queue.
        """
        return read_job(self, payload, self._load, status) if payload else None

    async def enqueue(self, job_or_func: str | SaqJob, **kwargs: Any) -> Job | None:
        """Enqueue a job (SAQ's `Queue.enqueue`).

        Returns:
            The job; None where one of its key is already waiting or running.

        Raises:
            JobFieldError: where a field of it could not be read again.
            ValueError: where its metadata asks for an `on_worker_loss` that there is not.
        """
        if isinstance(job_or_func, str):
            given = {name: kwargs.pop(name) for name in list(kwargs) if name in Job.__dataclass_fields__}
            given = {**self.job_defaults, **given}
            if kwargs:
                given["kwargs"] = {**(given.get("kwargs") or {}), **kwargs}
            job_or_func, kwargs = Job(job_or_func, **given), {}
            if "key" not in given:
                mark_made(job_or_func)
        elif not isinstance(job_or_func, SaqJob):
            raise TypeError(f"a job or a function's name is enqueued, not a {type(job_or_func).__name__}")
        check_meta(job_or_func.function, kwargs.get("meta", job_or_func.meta))
        return cast("Job | None", await super().enqueue(job_or_func, **kwargs))

    def stored_of_new(self, job: SaqJob) -> dict[str, Any]:
        """Return what is stored of a job that is enqueued, and give it the key by which it is.

        Raises:
            JobFieldError: where a field of it could not be read again.
        """
        key: Any = job.key
        if key.__class__ is not str:
            job.key = make_key() if key is None else str(key) if isinstance(key, (int, UUID)) else key
        stored = job.to_dict()
        check_fields(stored)
        return stored

    def serialize_new(self, job: SaqJob) -> bytes | str:
        """Return what is stored of a job that is enqueued.

        Raises:
            JobFieldError: where a field of it could not be read again.
            JobTooLargeError: where it is more than `max_job_bytes`.
        """
        payload = self._dump(self.stored_of_new(job))
        size = len(payload)
        if self.max_job_bytes is not None and size * (4 if isinstance(payload, str) else 1) > self.max_job_bytes:
            size = len(payload.encode() if isinstance(payload, str) else payload)
            if size > self.max_job_bytes:
                raise JobTooLargeError(job.function, size, self.max_job_bytes)
        return payload

    async def finish(
        self, job: SaqJob, status: Status, *, result: Any = None, error: str | None = None, **kwargs: Any
    ) -> None:
        """Write a job's outcome (SAQ's `Queue.finish`)."""
        if logger.isEnabledFor(logging.INFO):
            await super().finish(job, status, result=result, error=error, **kwargs)
            return
        # The same without a line for the log, which takes longer to make than all else.
        job.status, job.result, job.error, job.completed = status, result, error, now()
        if status == Status.COMPLETE:
            job.progress = 1.0
        await self._finish(job, status, result=result, error=error, **kwargs)
        if status == Status.COMPLETE:
            self.complete += 1
        elif status == Status.FAILED:
            self.failed += 1
        elif status == Status.ABORTED:
            self.aborted += 1

    async def enqueue_many(self, jobs: Iterable[SaqJob]) -> list[Job | None]:
        """Enqueue many jobs in one call.

        Example:
            ```python
            await queue.enqueue_many(Job("resize", kwargs={"image": image}) for image in images)
            ```

        Args:
            jobs: the jobs; what is not set of them is as with `enqueue`.

        Returns:
            The jobs in their order; None in the place of one whose key is already waiting or running. Where this
            raises, some may be enqueued: with keys of their own, calling it again enqueues the rest.

        Raises:
            JobFieldError: where a field of a job could not be read again.
            ValueError: where a job belongs to another queue, or its metadata asks for an `on_worker_loss` that there
                is not; none is enqueued then.
        """
        batch = [self._own(job) for job in jobs]
        # To await nothing for each of them would take as long as a good part of the rest.
        hooked = bool(self._before_enqueues) or getattr(self._before_enqueue, "__func__", None) is not _BEFORE
        for job in batch:
            job.queue = self
            job.queued = now()
            job.status = Status.QUEUED
            if hooked:
                await self._before_enqueue(job)
        return await self._enqueue_batch(batch)

    async def _enqueue_batch(self, batch: list[Job]) -> list[Job | None]:
        """Store jobs; a broker that can do better than one after the other does."""
        return [cast("Job | None", await self._enqueue(job)) for job in batch]

    def _own(self, job: SaqJob) -> Job:
        if job.queue is not None and job.queue.name != self.name:
            raise ValueError(f"job {job.key!r} belongs to queue {job.queue.name!r}, not {self.name!r}")
        check_meta(job.function, job.meta)
        if isinstance(job, Job):
            return job
        return Job(**{field.name: getattr(job, field.name) for field in fields(job)})


REDACT = "_litestar_saq_redact"
"""Where a queue, one of the user's own too, has what of its jobs is not shown."""
_BEFORE = Queue._before_enqueue  # noqa: SLF001 - SAQ has no public way to see whether there is anything to call
_FOREIGN = Broker()
_brokers: list[tuple[type[Queue], Broker]] = []
_OURS = {f"saq.queue.{kind}": f"litestar_saq.brokers.{kind}" for kind in ("redis", "postgres", "http")}
"""The module that registers the broker of a stock queue, by that queue's module."""


def register_broker(queue_class: type[Queue], broker: Broker) -> None:
    """Make a broker the one of a queue class and of those derived from it."""
    _brokers.insert(0, (queue_class, broker))


def redact_of(queue: Queue) -> Redact:
    """Return what of a queue's jobs is not shown (`QueueConfig.redact`)."""
    redact: Redact = vars(queue).get(REDACT, False)
    return redact


def broker_of(queue: Queue) -> Broker:
    """Return what a queue's broker adds to SAQ's queue."""
    if (found := _registered(queue)) is not None:
        return found
    # A stock queue, where none of ours has been made so far.
    for ours in (_OURS[cls.__module__] for cls in type(queue).__mro__ if cls.__module__ in _OURS):
        import_module(ours)
    return _registered(queue) or _FOREIGN


def _registered(queue: Queue) -> Broker | None:
    return next((broker for queue_class, broker in _brokers if isinstance(queue, queue_class)), None)
