"""Traces, metrics and logs of jobs.

Nothing here needs OpenTelemetry until it is on.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from litestar_saq.telemetry._state import override
from litestar_saq.telemetry.attachment import silence, telemetry_of
from litestar_saq.telemetry.logs import JobContextFilter, add_job_context
from litestar_saq.telemetry.options import PROPAGATIONS, OtelOptions, Propagation
from litestar_saq.telemetry.suppression import quiet, upkeep
from litestar_saq.typing import OPENTELEMETRY_INSTALLED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from saq.job import Job
    from saq.queue.base import Queue

    from litestar_saq.telemetry.job_telemetry import JobTelemetry
    from litestar_saq.telemetry.runs import Run

__all__ = (
    "JobContextFilter",
    "OtelOptions",
    "Propagation",
    "add_job_context",
    "begin_run",
    "find_telemetry",
    "instrument_queue",
    "propagation",
    "quiet",
    "received",
    "silence",
    "upkeep",
)

Q = TypeVar("Q", bound="Queue")


def find_telemetry(
    enable: bool | None, name: str, options: OtelOptions | None, otel_plugin: Any
) -> JobTelemetry | None:
    """Return the telemetry of jobs, or None where there shall be none.

    Args:
        enable: True, False, or None for "where Litestar's OpenTelemetryPlugin is active".
        name: the name of the tracer and the meter.
        options: what is set.
        otel_plugin: the application's OpenTelemetryPlugin, whose providers are used; None where it has none.
    """
    if enable is False or not OPENTELEMETRY_INSTALLED:
        return None
    if enable is None and otel_plugin is None:
        return None
    from litestar_saq.telemetry.job_telemetry import JobTelemetry  # noqa: PLC0415 - the package of an extra

    return JobTelemetry(name, options, otel_plugin=otel_plugin)


def received(queue: Queue, job: Job) -> None:
    """Tell that a job was fetched, where that is asked for."""
    telemetry = telemetry_of(queue)
    if telemetry is not None and telemetry.options.receive_spans:
        from litestar_saq.telemetry.wrappers import tell_received  # noqa: PLC0415 - the package of an extra

        tell_received(telemetry, job, time.time_ns())


def instrument_queue(queue: Q, options: OtelOptions | None = None) -> Q:
    """Make a queue of SAQ's take part: its jobs carry the trace, its workers' runs have spans and metrics.

    For a queue that the plugin does not know, such as `saq.Queue.from_url(...)`. A second call, or one for a queue of
    the plugin's, changes nothing. `SAQPlugin.instrument_queue` does the same with the plugin's own options.

    Args:
        queue: the queue.
        options: what is set; the providers are the global ones where it names none.

    Returns:
        The queue.

    Raises:
        MissingDependencyError: where OpenTelemetry is not installed.
    """
    if not OPENTELEMETRY_INSTALLED:
        from litestar_saq.exceptions import MissingDependencyError  # noqa: PLC0415 - only for the error

        raise MissingDependencyError("opentelemetry-api", extra="otel")
    return _shared_telemetry(options).instrument(queue)


@cache
def _shared_telemetry(options: OtelOptions | None) -> JobTelemetry:
    """Return one for all queues of the same options: a meter has each instrument once."""
    from litestar_saq.telemetry.job_telemetry import JobTelemetry  # noqa: PLC0415 - the package of an extra

    return JobTelemetry(options=options)


@contextmanager
def propagation(mode: Propagation) -> Iterator[None]:
    """Choose how the jobs that are enqueued inside are related to this code, whatever the options say.

    Args:
        mode: `parent`, `link` or `none` (no context, no baggage goes along); see `OtelOptions.propagation`.

    Raises:
        ValueError: where it is none of these.
    """
    if mode not in PROPAGATIONS:
        raise ValueError(f"propagation({mode!r}) is not accepted: {', '.join(map(repr, PROPAGATIONS))}")
    token = override.set(mode)
    try:
        yield
    finally:
        override.reset(token)


def begin_run(queue: Queue, job: Job, worker_id: str) -> Run | None:
    """Begin the span of a run where the queue has telemetry (`litestar_saq.telemetry.runs.begin_run`)."""
    telemetry = telemetry_of(queue)
    return None if telemetry is None else cast("Run | None", _runs().begin_run(telemetry, job, worker_id))


@cache
def _runs() -> ModuleType:
    # Once: an import costs its time in each job, too.
    from litestar_saq.telemetry import runs  # noqa: PLC0415 - the package of an extra

    return runs
