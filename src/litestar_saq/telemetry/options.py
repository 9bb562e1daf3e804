"""What can be set of the telemetry of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from litestar_saq._checks import Fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
    from saq.job import Job

__all__ = ("PROPAGATIONS", "OtelOptions", "Propagation")

Propagation: TypeAlias = Literal["parent", "link", "none"]
"""How the span of a run is related to that of its enqueue."""
PROPAGATIONS: tuple[Propagation, ...] = ("parent", "link", "none")


@dataclass(frozen=True, kw_only=True)
class OtelOptions:
    """The finer options of spans and metrics of jobs (`SAQConfig.otel_options`).

    Raises:
        FieldError: where a value is not accepted; it names the field, the value and what is.
    """

    propagation: Propagation | Callable[[Job], Propagation] = "parent"
    """`parent`: a run's span is a child of its enqueue's, and carries a link to it, so that a request and all that
    it caused are one trace. `link`: a trace of its own with a link. `none`: neither. A function decides for each job,
    in the worker. `litestar_saq.telemetry.propagation` overrides it where a job is enqueued. Baggage passes in each,
    but where `propagation("none")` enqueues."""
    max_parent_delay_s: float | None = None
    """A job that waited for more seconds than these starts a trace of its own, with a link. None: never."""
    propagate_baggage: bool = True
    """Whether baggage goes along with a job. It is stored at the broker; over 8 KiB of it are left out."""
    span_naming: Literal["queue", "function"] = "queue"
    """What stands behind the operation in a span's name: `process emails`, or `process send_email`."""
    create_spans: bool = True
    """Whether `enqueue_many` makes a span of each job (of up to 100); else one span stands for all."""
    receive_spans: bool = False
    """Whether fetching a job has a span, a trace of its own. On Redis, where a worker fetches many at once, it has no
    length, and stands where the job begins."""
    settle_spans: bool = False
    """Whether writing a job's outcome has a span; else it is an event of the run's span."""
    metrics: bool = True
    """Whether metrics are recorded."""
    metric_function_attribute: bool = True
    """Whether metrics of runs tell the function; turn it off where their names are without number."""
    process_buckets_s: Sequence[float] | None = None
    """The bounds of `messaging.process.duration` in seconds. None: the conventions', which end at 10 s."""
    queue_metrics: bool = True
    """Whether the workers of a queue observe its depth and the age of its oldest job; one of them does at a time."""
    flush_timeout_s: float = 3.0
    """How many seconds a process waits at its end for what was recorded to be exported."""
    tracer_provider: TracerProvider | None = None
    """Where spans go. None: to the provider of Litestar's OpenTelemetryPlugin, else to the global one."""
    meter_provider: MeterProvider | None = None
    """Where metrics go. None: as with spans."""

    def __post_init__(self) -> None:
        fields = Fields(self)
        if not callable(self.propagation) and self.propagation not in PROPAGATIONS:
            raise fields.refuse("propagation", "'parent', 'link', 'none', or a function of the job")
        fields.one_of("span_naming", ("queue", "function"))
        fields.number("max_parent_delay_s", least=0, optional=True)
        fields.number("flush_timeout_s", least=0)
        for flag in (
            *("propagate_baggage", "create_spans", "receive_spans", "settle_spans"),
            *("metrics", "metric_function_attribute", "queue_metrics"),
        ):
            fields.flag(flag)
        if self.process_buckets_s is not None and not _ascending(fields.collection("process_buckets_s")):
            raise fields.refuse("process_buckets_s", "numbers above 0, each greater than the one before, or None")
        if self.process_buckets_s is not None:
            object.__setattr__(self, "process_buckets_s", tuple(self.process_buckets_s))
        for field, method in (("tracer_provider", "get_tracer"), ("meter_provider", "get_meter")):
            provider = fields.get(field)
            if provider is not None and not callable(getattr(provider, method, None)):
                raise fields.refuse(field, f"a provider of OpenTelemetry (with `{method}`), or None")


def _ascending(bounds: list[Any]) -> bool:
    numbers = [b for b in bounds if isinstance(b, int | float) and not isinstance(b, bool) and b > 0]
    return bool(bounds) and len(numbers) == len(bounds) and numbers == sorted(set(numbers))
