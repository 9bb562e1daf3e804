"""The telemetry of one plugin, or of one program: its tracer, its metrics, and what is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import metrics, trace

from litestar_saq.telemetry import semconv
from litestar_saq.telemetry._state import forks
from litestar_saq.telemetry.attachment import attach_telemetry, is_decided
from litestar_saq.telemetry.flush import flush
from litestar_saq.telemetry.metrics import JobMetrics
from litestar_saq.telemetry.options import OtelOptions
from litestar_saq.telemetry.queue_telemetry import QueueTelemetry
from litestar_saq.telemetry.wrappers import wrap

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from saq.queue.base import Queue

__all__ = ("JobTelemetry",)

Q = TypeVar("Q", bound="Queue")


class JobTelemetry:
    """Makes the spans and metrics of the queues that it instruments, and of their workers' jobs.

    The tracer and the meter are asked for where they are used first, in each process anew: a process sets up its own
    SDK, and what was inherited by a fork may not work there.

    Args:
        name: the name of the tracer and of the meter.
        options: what is set.
        otel_plugin: Litestar's OpenTelemetryPlugin, whose providers are used where the options name none.
    """

    def __init__(
        self, name: str = "litestar_saq", options: OtelOptions | None = None, *, otel_plugin: Any = None
    ) -> None:
        self.options = options or OtelOptions()
        config = getattr(otel_plugin, "config", None)
        self._name = name
        self._tracer_provider = self.options.tracer_provider or getattr(config, "tracer_provider", None)
        self._meter_provider = self.options.meter_provider or getattr(config, "meter_provider", None)
        self._tracer: Tracer | None = None
        self._forks = -1
        self.metrics: JobMetrics | None = (
            JobMetrics(name, self._meter_provider, self.options.process_buckets_s) if self.options.metrics else None
        )

    @property
    def tracer(self) -> Tracer:
        """This process' tracer."""
        if self._tracer is None or self._forks != forks.count:
            self._tracer = trace.get_tracer(
                self._name, tracer_provider=self._tracer_provider, schema_url=semconv.SCHEMA_URL
            )
            self._forks = forks.count
        return self._tracer

    def instrument(self, queue: Q, *, replace: bool = False) -> Q:
        """Give a queue this telemetry, and its workers' jobs too; a second call changes nothing.

        Args:
            queue: any queue of SAQ's.
            replace: whether it takes the place of another telemetry, or of silence.

        Returns:
            The queue.
        """
        if not is_decided(queue) or replace:
            attach_telemetry(queue, QueueTelemetry(self, queue))
            wrap(queue)
        return queue

    def flush(self) -> bool:
        """Export what was recorded, waiting for `OtelOptions.flush_timeout_s` at most.

        Returns:
            Whether all of it was exported in time.
        """
        providers = [
            self._tracer_provider or trace.get_tracer_provider(),
            self._meter_provider or metrics.get_meter_provider(),
        ]
        return flush(providers, self.options.flush_timeout_s)
