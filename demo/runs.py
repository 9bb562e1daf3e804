"""What the metrics tell of the runs of jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from demo.metrics import Metric
    from demo.spans import Span
    from demo.trace import Trace

__all__ = ("Durations", "Runs", "are_counted", "summarize_runs")

QUEUE = "messaging.destination.name"
FUNCTION = "saq.job.function"
PROCESS = "messaging.process.duration"
WAIT = "saq.job.wait.duration"
OUTCOMES = "saq.job.outcomes"
SENT = "messaging.client.sent.messages"


@dataclass(kw_only=True)
class Durations:
    """A histogram of durations, of all processes together."""

    count: int = 0
    sum_s: float = 0.0
    within_s: float = 0.0
    """The upper bound of the last bucket that has any; infinite for the one that has no bound."""

    @property
    def mean_s(self) -> float | None:
        """The mean; None where there is nothing."""
        return self.sum_s / self.count if self.count else None

    def add(self, metric: Metric) -> None:
        """Add what one process tells."""
        self.count += metric.count
        self.sum_s += metric.sum
        for bound, held in zip((*metric.bounds, float("inf")), metric.buckets, strict=False):
            if held:
                self.within_s = max(self.within_s, bound)


@dataclass(kw_only=True)
class Runs:
    """The runs of one function on one queue."""

    queue: str
    function: str
    outcomes: Counter[str] = field(default_factory=Counter)
    process: Durations = field(default_factory=Durations)
    wait: Durations = field(default_factory=Durations)
    sent: int = 0
    """Messages that were sent to the queue, whatever their function: the metric does not tell it."""


def summarize_runs(metrics: Iterable[Metric]) -> list[Runs]:
    """Return the runs by queue and function, in their order."""
    found: dict[tuple[str, str], Runs] = {}
    sent: Counter[str] = Counter()
    for metric in metrics:
        if metric.name == SENT:
            sent[_queue(metric)] += int(metric.value)
        elif metric.name in {PROCESS, WAIT, OUTCOMES}:
            key = _queue(metric), _function(metric)
            _add(found.setdefault(key, Runs(queue=key[0], function=key[1])), metric)
    for runs in found.values():
        runs.sent = sent[runs.queue]
    return [found[key] for key in sorted(found)]


def are_counted(trace: Trace, spans: Iterable[Span], metrics: Sequence[Metric]) -> bool:
    """Tell whether the metrics have all runs of a trace, and all messages that it has sent.

    Metrics don't tell traces apart, so that they have to have those of all traces.

    Args:
        trace: the trace.
        spans: the spans of all traces.
        metrics: the last state of all series.
    """
    all_spans = list(spans)
    counted = summarize_runs(metrics)
    runs = {(found.queue, found.function): found for found in counted}
    sent = {found.queue: found.sent for found in counted}
    ran = Counter((_queue(span), _function(span)) for span in all_spans if span.kind == "CONSUMER")
    enqueued = Counter(_queue(span) for span in all_spans if span.kind == "PRODUCER")
    wanted = {(_queue(span), _function(span)) for span in trace.spans if span.kind == "CONSUMER"}
    return all(key in runs and _have(runs[key], ran[key]) for key in wanted) and all(
        sent.get(queue, 0) >= enqueued[queue] for queue, _ in wanted
    )


def _add(runs: Runs, metric: Metric) -> None:
    if metric.name == OUTCOMES:
        runs.outcomes[str(metric.attributes.get("saq.job.status"))] += int(metric.value)
    else:
        (runs.process if metric.name == PROCESS else runs.wait).add(metric)


def _have(runs: Runs, count: int) -> bool:
    return min(runs.process.count, runs.wait.count, runs.outcomes.total()) >= count


def _queue(told: Metric | Span) -> str:
    return str(told.attributes.get(QUEUE, ""))


def _function(told: Metric | Span) -> str:
    return str(told.attributes.get(FUNCTION, ""))
