"""Looking for a job among those that were enqueued, and saying what was found instead."""

from __future__ import annotations

from dataclasses import MISSING, fields
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from litestar_saq.jobs import Job

if TYPE_CHECKING:
    from litestar_saq._testing.queue import InMemoryQueue

__all__ = ("Wanted", "describe")

_ABSENT = object()
_FIELDS = frozenset(field.name for field in fields(Job)) - {"queue", "function"}
_UNTOLD = frozenset({"function", "kwargs", "queue", "key", "queued", "status", "touched", "meta"})
_LONGEST = 60


class Wanted:
    """A function's name, and what its job must hold at least.

    Names of `Job`'s fields mean these fields, as in `Queue.enqueue`; others are arguments.
    """

    def __init__(self, queue: InMemoryQueue, function: str, expected: dict[str, Any]) -> None:
        self._queue = queue
        self._function = function
        self._fields = {name: value for name, value in expected.items() if name in _FIELDS and name != "kwargs"}
        arguments = {name: value for name, value in expected.items() if name not in _FIELDS}
        self._arguments = {**(expected.get("kwargs") or {}), **arguments}

    def __str__(self) -> str:
        return _call(self._function, self._arguments, self._fields)

    def matches(self, job: Job) -> bool:
        """Tell whether this is such a job."""
        return job.function == self._function and not self.differences(job)

    def differences(self, job: Job) -> list[str]:
        """Say in which of the expected values a job differs."""
        found = [(name, getattr(job, name), value) for name, value in self._fields.items()]
        found += [(name, (job.kwargs or {}).get(name, _ABSENT), value) for name, value in self._arguments.items()]
        return [
            f"{name} is {'absent' if actual is _ABSENT else _short(actual)}, not {_short(value)}"
            for name, actual, value in found
            if not self._same(value, actual)
        ]

    def nearest(self, jobs: list[Job]) -> Job | None:
        """Return the job that is most like it: of the same function if there is one, then with fewest differences."""

        def likeness(job: Job) -> tuple[float, int]:
            return SequenceMatcher(None, job.function, self._function).ratio(), -len(self.differences(job))

        return max(jobs, key=likeness, default=None)

    def report(self) -> str:
        """Say that there is no such job, which one comes nearest, and what there is."""
        jobs = self._queue.enqueued
        lines = [f"no job {self} was enqueued to queue {self._queue.name!r}"]
        if (nearest := self.nearest(jobs)) is not None:
            misses = [] if nearest.function == self._function else [f"function is {nearest.function!r}"]
            lines.append(f"nearest is job {jobs.index(nearest) + 1}: {', '.join(misses + self.differences(nearest))}")
        return "\n".join([*lines, describe(jobs)])

    def _same(self, expected: Any, actual: Any) -> bool:
        if actual is _ABSENT:
            return False
        return bool(expected == actual) or self._as_stored(expected) == actual

    def _as_stored(self, value: Any) -> Any:
        try:
            return self._queue.as_stored(value)
        except Exception:  # noqa: BLE001 - whatever the serializer raises, it is no value of a job
            return _ABSENT


def describe(jobs: list[Job]) -> str:
    """List jobs for a reader, one a line."""
    if not jobs:
        return "nothing was enqueued"
    return "\n".join(["enqueued:", *(f"  {number}. {_line(job)}" for number, job in enumerate(jobs, start=1))])


def _line(job: Job) -> str:
    told = {
        field.name: getattr(job, field.name)
        for field in fields(job)
        if field.name not in _UNTOLD and field.default is not MISSING and getattr(job, field.name) != field.default
    }
    return _call(job.function, job.kwargs or {}, {"key": job.key, **told})


def _call(function: str, arguments: dict[str, Any], job_fields: dict[str, Any]) -> str:
    call = f"{function}({', '.join(f'{name}={_short(value)}' for name, value in arguments.items())})"
    told = ", ".join(f"{name}={_short(value)}" for name, value in job_fields.items())
    return f"{call} with {told}" if told else call


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
