"""What happened, told by each process in lines of JSON, outside of the broker; and what that must not be."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

__all__ = ("History", "Report", "check", "share")

_SETTLES_S = 30.0
"""How long after a fault a job may be run again because of it: a lease, a look, and what waits in the queue then."""
_FINAL = {"complete", "failed", "aborted"}


class History:
    """The file; each line is written at once, so that those of a process that is killed are there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tell(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, "pid": os.getpid(), "at": time.monotonic()} | fields) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


@dataclass
class Report:
    """What a run came to."""

    acknowledged: int = 0
    runs: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Jobs whose `enqueue` had returned and that came to no end."""
    unexplained: list[str] = field(default_factory=list)
    """Jobs that ran again though nothing had happened."""
    repeated: int = 0
    """Jobs that ran again after a fault."""
    recovery_s: list[float] = field(default_factory=list)
    """Of each job that a killed worker had begun, how long after that it began again."""

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.unexplained)

    def __str__(self) -> str:
        shown = {name: f"{share(self.recovery_s, part):.1f} s" for name, part in _PARTS if self.recovery_s}
        return (
            f"{self.acknowledged} jobs, {self.runs} runs, faults {self.faults}, lost {len(self.lost)}, "
            f"repeated {self.repeated}, unexplained {len(self.unexplained)}, recovery {shown}"
        )


def share(times: list[float], part: float) -> float:
    """Return what a part of the times does not exceed; 0 where there are none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


_PARTS = (("p50", 0.5), ("p99", 0.99), ("most", 1.0))


def check(events: Iterable[Mapping[str, Any]], states: Mapping[str, str | None]) -> Report:
    """Compare what was told to what is stored at the end.

    Args:
        events: what was told.
        states: of each job its status in the broker; None where it is not there.
    """
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        told[event["event"]].append(event)
    starts, ends = _by_job(told["started"]), _by_job(told["finished"])
    acknowledged = {event["job"] for event in told["acknowledged"]}
    report = Report(
        acknowledged=len(acknowledged),
        runs=len(told["started"]),
        faults=dict(Counter(event["kind"] for event in told["fault"])),
        lost=sorted(job for job in acknowledged if states.get(job) not in _FINAL),
    )
    for job, runs in starts.items():
        for before, after in pairwise(runs):
            if any(_explains(fault, before["at"], after["at"]) for fault in told["fault"]):
                report.repeated += 1
            else:
                report.unexplained.append(job)
    for fault in told["fault"]:
        if fault["kind"] == "kill":
            report.recovery_s += _recoveries(fault, starts, ends)
    return report


def _by_job(events: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        found[event["job"]].append(event)
    return found


def _explains(fault: Mapping[str, Any], before: float, after: float) -> bool:
    return bool(fault["at"] <= after and before <= fault["until"] + _SETTLES_S)


def _recoveries(
    fault: Mapping[str, Any],
    starts: Mapping[str, list[Mapping[str, Any]]],
    ends: Mapping[str, list[Mapping[str, Any]]],
) -> Iterable[float]:
    """Give, of each job that a killed worker ran, how long after that it began again."""
    for job, runs in starts.items():
        of_victim = [run["at"] for run in runs if run["pid"] == fault["victim"] and run["at"] <= fault["at"]]
        if not of_victim or any(of_victim[-1] <= end["at"] <= fault["at"] for end in ends.get(job, ())):
            continue
        yield from [run["at"] - fault["at"] for run in runs if run["at"] > fault["at"]][:1]
