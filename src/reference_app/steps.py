"""The jobs that make a report: which queue each is on, and under which key.

The keys are made from the report, so that a job that is enqueued twice is there once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar_saq import TaskQueues

__all__ = ("TIMEOUT_S", "Step", "analysis_step", "assembly_step", "enqueue_step", "split_step")

TIMEOUT_S = 300
"""How long a job may take."""

_OPTIONS: dict[str, Any] = {
    "timeout": TIMEOUT_S,
    # Every job is a monitored one: where a worker lives, and a job gives no sign for so long, the job is swept.
    "heartbeat": 15,
    "retries": 3,
    "retry_delay": 0.5,
    "retry_backoff": 10.0,
    # A report's recovery looks at the jobs, and comes by more often than this.
    "ttl": 3600,
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A job of a report."""

    queue: str
    function: str
    key: str
    arguments: dict[str, Any] = field(default_factory=dict)


def split_step(report_id: str) -> Step:
    """Return the job that splits the file into columns."""
    return Step(queue="reports", function="split_report", key=f"split:{report_id}", arguments={"report_id": report_id})


def analysis_step(report_id: str, index: int) -> Step:
    """Return the job that analyses a column."""
    return Step(
        queue="analysis",
        function="analyse_column",
        key=f"column:{report_id}:{index}",
        arguments={"report_id": report_id, "index": index},
    )


def assembly_step(report_id: str) -> Step:
    """Return the job that completes the report."""
    return Step(
        queue="reports", function="assemble_report", key=f"assembly:{report_id}", arguments={"report_id": report_id}
    )


async def enqueue_step(queues: TaskQueues, step: Step) -> None:
    """Enqueue a step, unless it is queued or running already."""
    await queues.get(step.queue).enqueue(step.function, key=step.key, **step.arguments, **_OPTIONS)
