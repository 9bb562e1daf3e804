"""What a queue does, with telemetry around it.

Each wrapper goes on the queue itself, so that SAQ's own methods call it too (`apply` calls `map`, which calls
`enqueue`), and asks the queue for its telemetry each time: without any it calls what it wraps, and that is all.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.trace import Link, SpanKind
from saq.job import Job, Status

from litestar_saq.telemetry import bulk, carrier, semconv, sweeps
from litestar_saq.telemetry._state import current_run, harmless, in_cron, in_upkeep, sending, swept_jobs, waiting
from litestar_saq.telemetry.attachment import telemetry_of
from litestar_saq.telemetry.suppression import suppressed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from saq.queue.base import Queue

    from litestar_saq.telemetry.queue_telemetry import Operation, QueueTelemetry

__all__ = ("tell_received", "unwrap", "wrap")

_MARK = "_litestar_saq_wrapped"


def wrap(queue: Queue) -> None:
    """Put the wrappers on a queue; twice is once."""
    if _MARK in vars(queue):
        return
    names = []
    for name, wrapper in _WRAPPERS.items():
        plain = getattr(queue, name, None)
        if plain is not None:
            vars(queue)[name] = _bind(queue, plain, wrapper)
            names.append(name)
    vars(queue)[_MARK] = tuple(names)


def unwrap(queue: Queue) -> None:
    """Take the wrappers off."""
    for name in vars(queue).pop(_MARK, ()):
        del vars(queue)[name]


def _bind(queue: Queue, plain: Callable[..., Awaitable[Any]], wrapper: Callable[..., Awaitable[Any]]) -> Any:
    @wraps(plain)
    async def call(*args: Any, **kwargs: Any) -> Any:
        telemetry = telemetry_of(queue)
        if telemetry is None:
            return await plain(*args, **kwargs)
        return await wrapper(telemetry, plain, *args, **kwargs)

    @wraps(plain)
    def call_straight(*args: Any, **kwargs: Any) -> Awaitable[Any]:
        telemetry = telemetry_of(queue)
        return plain(*args, **kwargs) if telemetry is None else wrapper(telemetry, plain, *args, **kwargs)

    # A coroutine more takes its time in each job. Elsewhere it is one still, which programs look for that patch it.
    return call_straight if wrapper is _finish else call


async def _enqueue(telemetry: QueueTelemetry, plain: Any, job_or_func: str | Job, **kwargs: Any) -> Any:
    if in_cron.get() is not None or _is_cron(job_or_func):
        return await plain(job_or_func, **kwargs)
    operation = _begin_enqueue(telemetry, job_or_func, kwargs)
    error: BaseException | None = None
    duplicate = False
    mark = sending.set(("keep" if operation.kept else "inject") if operation else None)
    try:
        job = await plain(job_or_func, **kwargs)
        duplicate = job is None
    except BaseException as raised:
        error = raised
        raise
    else:
        return job
    finally:
        sending.reset(mark)
        if operation:
            if duplicate:
                operation.span.set_attribute(semconv.DEDUPLICATED, True)
            if not operation.proxied:
                telemetry.count_sent("enqueue", 1, error, duplicates=int(duplicate))
            operation.end(error)


@harmless
def _begin_enqueue(telemetry: QueueTelemetry, job_or_func: str | Job, kwargs: Mapping[str, Any]) -> Operation | None:
    job = job_or_func if isinstance(job_or_func, Job) else None
    meta = kwargs.get("meta", job.meta if job else None)
    kept = carrier.is_kept(meta, job)
    given = carrier.span_context_in(meta) if kept else None
    attributes: dict[str, Any] = {}
    for name, field in ((semconv.SCHEDULED, "scheduled"), (semconv.PRIORITY, "priority")):
        if value := kwargs.get(field, getattr(job, field, 0)):
            attributes[name] = value
    if kept:
        attributes[semconv.MESSAGE_ID] = job.key if job else kwargs.get("key") or ""
    # It was enqueued before, and not run: what a proxy of ours gets from its client.
    proxied = bool(kept and job and job.queued)
    if proxied:
        attributes[semconv.PROXIED] = True
    operation = telemetry.begin(
        "enqueue",
        # The context that the job goes along with is another span's, where it brings one (semconv, span kind).
        SpanKind.CLIENT if kept else SpanKind.PRODUCER,
        "send",
        function=job.function if job else str(job_or_func),
        attributes={name: value for name, value in attributes.items() if value != ""},
        links=[Link(given)] if given is not None else (),
        context=waiting.get(),
    )
    if operation:
        operation.kept, operation.proxied = kept, proxied
    return operation


def _is_cron(job: str | Job) -> bool:
    """Tell whether a job comes from the cron of a worker behind a proxy of ours."""
    return isinstance(job, Job) and not job.attempts and carrier.entry(job, carrier.TRIGGER) == "cron"


async def _before_enqueue(telemetry: QueueTelemetry, plain: Any, job: Job) -> None:
    await plain(job)
    telemetry.stamp(job)


async def _apply(telemetry: QueueTelemetry, plain: Any, job_or_func: str, *args: Any, **kwargs: Any) -> Any:
    return await _wait_for(telemetry, "apply", lambda: plain(job_or_func, *args, **kwargs), job_or_func, {})


async def _map(
    telemetry: QueueTelemetry, plain: Any, job_or_func: Any, iter_kwargs: Any, *args: Any, **kwargs: Any
) -> Any:
    if waiting.get() is not None:  # of `apply`
        return await plain(job_or_func, iter_kwargs, *args, **kwargs)
    each = list(iter_kwargs)
    function = job_or_func.function if isinstance(job_or_func, Job) else job_or_func
    return await _wait_for(
        telemetry, "map", lambda: plain(job_or_func, each, *args, **kwargs), function, {semconv.MAP_COUNT: len(each)}
    )


async def _wait_for(
    telemetry: QueueTelemetry,
    name: str,
    call: Callable[[], Awaitable[Any]],
    function: str,
    attributes: Mapping[str, Any],
) -> Any:
    """Wait for jobs in a span; what SAQ polls meanwhile makes none."""
    operation = telemetry.begin(name, SpanKind.INTERNAL, None, function=function, attributes=attributes)
    if operation is None:
        return await call()
    error: BaseException | None = None
    mark = waiting.set(otel_context.get_current())
    try:
        with suppressed():
            results = await call()
        if name == "map":
            operation.span.set_attribute(semconv.MAP_FAILED, sum(isinstance(r, Exception) for r in results))
    except BaseException as raised:
        error = raised
        raise
    else:
        return results
    finally:
        waiting.reset(mark)
        operation.end(error)


async def _abort(telemetry: QueueTelemetry, plain: Any, job: Job, *args: Any, **kwargs: Any) -> Any:
    if in_upkeep.get():
        return await plain(job, *args, **kwargs)
    created = carrier.span_context_in(job.meta)
    operation = telemetry.begin(
        "abort",
        SpanKind.CLIENT,
        "settle",
        function=job.function,
        attributes={semconv.MESSAGE_ID: job.key},
        links=[Link(created)] if created else (),
    )
    error: BaseException | None = None
    try:
        await plain(job, *args, **kwargs)
        if job.status is Status.ABORTED:  # it was waiting, so no run will tell
            telemetry.count_outcome(job.function, "aborted")
    except BaseException as raised:
        error = raised
        raise
    finally:
        if operation:
            operation.end(error)


def _annotate_run(job: Job) -> None:
    """Write the attempt that runs here into its job, which is about to be stored."""
    run = current_run.get()
    if run is not None and run.job is job:
        run.annotate()


async def _retry(telemetry: QueueTelemetry, plain: Any, job: Job, error: str | None = None) -> None:
    swept = error == telemetry.queue.swept_error_message
    _annotate_run(job)
    _note_retry(job, swept=swept)
    if swept:
        telemetry.count_outcome(job.function, "retried", semconv.SWEPT)
    await _settle(telemetry, "retry", job, lambda: plain(job, error))


@harmless
def _note_retry(job: Job, *, swept: bool) -> None:
    if swept and (jobs := swept_jobs.get()) is not None:
        jobs.append(sweeps.as_found(job))
    carrier.annotate(job, {carrier.TRIGGER: "sweep" if swept else "retry"})


def _finish(telemetry: QueueTelemetry, plain: Any, job: Job, status: Status, **kwargs: Any) -> Awaitable[None]:
    if status is Status.COMPLETE and telemetry.settles_unseen:
        unseen: Awaitable[None] = plain(job, status, **kwargs)
        return unseen
    return _finish_seen(telemetry, plain, job, status, **kwargs)


async def _finish_seen(telemetry: QueueTelemetry, plain: Any, job: Job, status: Status, **kwargs: Any) -> None:
    if (jobs := swept_jobs.get()) is not None and kwargs.get("error") == telemetry.queue.swept_error_message:
        jobs.append(sweeps.as_found(job))
        telemetry.count_outcome(job.function, "swept", semconv.SWEPT)
    if status is not Status.COMPLETE:
        _annotate_run(job)
    await _settle(telemetry, "finish", job, lambda: plain(job, status, **kwargs))


async def _settle(telemetry: QueueTelemetry, name: str, job: Job, call: Callable[[], Awaitable[None]]) -> None:
    """Write a job's outcome: measured where its own run does so, quiet, and with a span where that is asked for."""
    run = current_run.get()
    if run is None or run.job is not job:
        await call()
        return
    if telemetry.options.settle_spans:
        await _settle_in_span(telemetry, name, job, call)
        return
    if telemetry.settles_unseen:
        await call()
        return
    began = time.perf_counter()
    error: BaseException | None = None
    try:
        with suppressed():
            await call()
    except BaseException as raised:
        error = raised
        raise
    finally:
        telemetry.measure(name, "settle", time.perf_counter() - began, error)


async def _settle_in_span(telemetry: QueueTelemetry, name: str, job: Job, call: Callable[[], Awaitable[None]]) -> None:
    operation = telemetry.begin(
        name, SpanKind.CLIENT, "settle", function=job.function, attributes={semconv.MESSAGE_ID: job.key}
    )
    error: BaseException | None = None
    try:
        with suppressed():
            await call()
        if operation:
            operation.span.set_attribute(semconv.STATUS, job.status.value)
    except BaseException as raised:
        error = raised
        raise
    finally:
        if operation:
            operation.end(error)


async def _update(_telemetry: QueueTelemetry, plain: Any, job: Job, **kwargs: Any) -> Any:
    _annotate_run(job)
    if kwargs.get("status") is not Status.ACTIVE:
        return await plain(job, **kwargs)
    with suppressed():  # the worker's note that the job runs, not the job's own
        return await plain(job, **kwargs)


async def _dequeue(telemetry: QueueTelemetry, plain: Any, *args: Any, **kwargs: Any) -> Any:
    began = time.time_ns()
    with suppressed(otel_context.Context()):
        job = await plain(*args, **kwargs)
    if job is not None and telemetry.options.receive_spans:
        tell_received(telemetry, job, began)
    return job


@harmless
def tell_received(telemetry: QueueTelemetry, job: Job, began_ns: int) -> None:
    """Make the span of a fetch."""
    created = carrier.span_context_in(job.meta)
    telemetry.owner.tracer.start_span(
        telemetry.name("dequeue", job.function),
        context=otel_context.Context(),
        kind=SpanKind.CLIENT,
        attributes={**telemetry.spanned("dequeue", "receive"), semconv.MESSAGE_ID: job.key},
        links=[Link(created)] if created else [],
        start_time=began_ns,
    ).end()


async def _quietly(_telemetry: QueueTelemetry, plain: Any, *args: Any, **kwargs: Any) -> Any:
    with suppressed():
        return await plain(*args, **kwargs)


_WRAPPERS: dict[str, Callable[..., Awaitable[Any]]] = {
    "_before_enqueue": _before_enqueue,
    "abort": _abort,
    "apply": _apply,
    "connect": _quietly,
    "dequeue": _dequeue,
    "disconnect": _quietly,
    "enqueue": _enqueue,
    "enqueue_many": bulk.enqueue_many,
    "finish": _finish,
    "map": _map,
    "recover": sweeps.sweep,
    "retry": _retry,
    "sweep": sweeps.sweep,
    "update": _update,
}
