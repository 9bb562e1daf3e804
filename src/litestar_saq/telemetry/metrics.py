"""Metrics of jobs: the conventions' four for messaging, and `saq.*` for what they lack."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.metrics import Observation

from litestar_saq.telemetry import semconv
from litestar_saq.telemetry._state import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider

__all__ = ("CONSUMED", "OUTCOMES", "SENT", "JobMetrics", "Observed", "QueueDepth")

Attributes: TypeAlias = "Mapping[str, Any]"


SENT: Final = "messaging.client.sent.messages"
CONSUMED: Final = "messaging.client.consumed.messages"
OUTCOMES: Final = "saq.job.outcomes"
_COUNTERS = {
    SENT: ("{message}", "Messages that a producer attempted to send"),
    CONSUMED: ("{message}", "Messages that were delivered to the application"),
    OUTCOMES: ("{job}", "Runs by their outcome"),
}


@dataclass(frozen=True)
class QueueDepth:
    """What a queue holds, and for how many seconds its oldest job has been waiting (None: unknown)."""

    jobs: Mapping[str, int]
    oldest_s: float | None


class Observed:
    """What the metrics that are observed tell of this process."""

    def __init__(self) -> None:
        self.forks = forks.count
        self._lock = threading.Lock()
        self._counts: dict[str, Tally[tuple[tuple[str, Any], ...]]] = {name: Tally() for name in _COUNTERS}
        self.active: Tally[str] = Tally()
        """How many jobs run, by queue."""
        self.concurrency: Tally[str] = Tally()
        """How many jobs the workers can run at a time, by queue."""
        self.depths: dict[str, QueueDepth] = {}
        """The last state of the queues that this process observes."""

    def count(self, name: str, attributes: Attributes, number: int = 1) -> None:
        """Count something; it costs less than a record of the SDK's does."""
        with self._lock:
            self._counts[name][tuple(attributes.items())] += number

    def run(self, queue: str, number: int) -> None:
        """Count jobs that begin to run, or (negative) have ended."""
        with self._lock:
            self.active[queue] += number

    def _counted(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = list(self._counts[name].items())
        return [Observation(count, dict(attributes)) for attributes, count in counts]

    def tell(self, meter: Meter) -> None:
        """Make the instruments that ask for it."""
        for name, (unit, description) in _COUNTERS.items():
            meter.create_observable_counter(name, [partial(self._counted, name)], unit, description)
        meter.create_observable_up_down_counter(
            "saq.worker.jobs.active", [lambda _: _by_queue(self.active)], "{job}", "Jobs that are running"
        )
        meter.create_observable_gauge(
            "saq.worker.concurrency",
            [lambda _: _by_queue(+self.concurrency)],  # without the queues whose workers have ended
            "{job}",
            "How many jobs the workers of this process can run at a time",
        )
        meter.create_observable_gauge(
            "saq.queue.jobs", [self._jobs], "{job}", "Jobs of a queue, told by one of its workers"
        )
        meter.create_observable_gauge(
            "saq.queue.oldest_job.age",
            [self._ages],
            "s",
            "For how long the oldest job that is due has been waiting, told by one of the queue's workers",
        )

    def _jobs(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(count, {semconv.DESTINATION: queue, semconv.QUEUE_STATE: state})
            for queue, depth in list(self.depths.items())
            for state, count in depth.jobs.items()
        ]

    def _ages(self, _: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(depth.oldest_s, {semconv.DESTINATION: queue})
            for queue, depth in list(self.depths.items())
            if depth.oldest_s is not None
        ]


def _by_queue(tally: Tally[str]) -> Iterable[Observation]:
    return [Observation(count, {semconv.DESTINATION: queue}) for queue, count in list(tally.items())]


_observed: WeakKeyDictionary[MeterProvider, dict[str, Observed]] = WeakKeyDictionary()


def _observed_of(provider: MeterProvider, name: str) -> Observed:
    """Return what a meter's instruments tell: a meter has each once, whoever else records with it."""
    by_name = _observed.setdefault(provider, {})
    found = by_name.get(name)
    if found is None:
        found = by_name[name] = Observed()
    elif found.forks != forks.count:  # inherited by a fork
        vars(found).update(vars(Observed()))
    return found


class JobMetrics:
    """Records metrics; the instruments are made in the process that uses them, at the first record.

    Args:
        name: the meter's name.
        provider: where the meter comes from; None is the global one.
        process_buckets_s: the bounds of `messaging.process.duration`; None is the conventions'.
    """

    def __init__(self, name: str, provider: MeterProvider | None, process_buckets_s: Sequence[float] | None) -> None:
        self._name = name
        self._provider = provider
        self._process_buckets_s = process_buckets_s or semconv.BASIC_BUCKETS_S
        self._made: tuple[_Instruments, Observed] | None = None
        self._forks = -1

    @property
    def record(self) -> _Instruments:
        """The instruments of this process."""
        return self._of_this_process()[0]

    @property
    def observed(self) -> Observed:
        """What is told of this process whenever metrics are exported."""
        return self._of_this_process()[1]

    def _of_this_process(self) -> tuple[_Instruments, Observed]:
        if self._made is None or self._forks != forks.count:
            provider = self._provider or metrics.get_meter_provider()
            meter = metrics.get_meter(self._name, meter_provider=provider, schema_url=semconv.SCHEMA_URL)
            observed = _observed_of(provider, self._name)
            observed.tell(meter)
            self._made, self._forks = (_Instruments(meter, self._process_buckets_s), observed), forks.count
        return self._made


class _Instruments:
    """The instruments; each is OpenTelemetry's own, to be called as such."""

    def __init__(self, meter: Meter, process_buckets_s: Sequence[float]) -> None:
        basic, long = semconv.BASIC_BUCKETS_S, semconv.LONG_BUCKETS_S
        self.operation = meter.create_histogram(
            "messaging.client.operation.duration",
            "s",
            "Duration of a messaging operation that a client began",
            explicit_bucket_boundaries_advisory=basic,
        )
        self.process = meter.create_histogram(
            "messaging.process.duration",
            "s",
            "Duration of the processing of a message",
            explicit_bucket_boundaries_advisory=process_buckets_s,
        )
        self.wait = meter.create_histogram(
            "saq.job.wait.duration",
            "s",
            "How long a job was due before it started",
            explicit_bucket_boundaries_advisory=long,
        )
