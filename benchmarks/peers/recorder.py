"""Records the profile of a worker between two of its jobs.

The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import cProfile
import os

__all__ = ("PROFILE", "Recorder", "record")

PROFILE = "BENCH_PROFILE"
"""The variable that says `FIRST:LAST:FILE`: from which job to which is recorded, and where to."""


class Recorder:
    """Counts jobs, and records from one of them to another."""

    def __init__(self, first: int, last: int, file: str) -> None:
        self._first = first
        self._last = last
        self._file = file
        self._count = 0
        self._profile = cProfile.Profile()

    def begun(self) -> None:
        """Count a job that begins now."""
        self._count += 1
        if self._count == self._first:
            self._profile.enable()
        elif self._count == self._last:
            self._profile.disable()
            self._profile.dump_stats(self._file)


_recorder: Recorder | None = None


def record() -> None:
    """Count a job, as the environment says."""
    global _recorder  # noqa: PLW0603 - one a process, made by the first job
    if _recorder is None:
        first, last, file = os.environ[PROFILE].split(":", 2)
        _recorder = Recorder(int(first), int(last), file)
    _recorder.begun()
