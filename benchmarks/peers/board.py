"""Where jobs leave when they began: a file of 64-bit numbers for each worker process, mapped into its memory.

A job's own bookkeeping costs well under a microsecond and no command of the broker's, the same for every peer; the
one who measures reads the files meanwhile. The standard library only: this runs in each peer's environment.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from array import array
from pathlib import Path

__all__ = ("FOLDER", "MARK_EVERY", "Board", "read_counts", "read_latencies_s", "read_marks_s")

FOLDER = "BENCH_BOARD"
"""The variable that names the folder of the files."""
MARK_EVERY = 20
"""Each how many jobs the time is kept."""
_MARKS = 100_000
_LATENCIES = 1_000_000
_WORD = 8
_HEAD = 2
"""Words before the marks: how many jobs have begun, how many latencies there are."""


class Board:
    """A worker process' own file, made with its first job: a process that forks has one for each child."""

    def __init__(self, folder: str) -> None:
        size = (_HEAD + _MARKS + _LATENCIES) * _WORD
        with (Path(folder) / f"{os.getpid()}.board").open("wb+") as file:
            file.truncate(size)  # sparse: what is not used takes no memory
            self._words = memoryview(mmap.mmap(file.fileno(), size)).cast("Q")
        self._lock = threading.Lock()

    def begun(self, sent_ns: int) -> None:
        """Count a job that begins now.

        Args:
            sent_ns: when it was sent, by the system's monotonic clock; 0 where nobody asks.
        """
        now, words = time.monotonic_ns(), self._words
        with self._lock:
            if sent_ns and words[1] < _LATENCIES:
                words[_HEAD + _MARKS + words[1]] = now - sent_ns
                words[1] += 1
            count = words[0] + 1
            if not count % MARK_EVERY and count <= _MARKS * MARK_EVERY:
                words[_HEAD + count // MARK_EVERY - 1] = now
            words[0] = count


def read_counts(folder: Path) -> int:
    """Return how many jobs have begun in all processes."""
    return sum(_read(file, 0, 1)[0] for file in folder.glob("*.board") if file.stat().st_size)


def read_marks_s(folder: Path) -> list[float]:
    """Return when each `MARK_EVERY`-th job of a process began, of all processes, in order."""
    found: list[float] = []
    for file in folder.glob("*.board"):
        marks = min(_MARKS, _read(file, 0, 1)[0] // MARK_EVERY)
        found.extend(mark / 1e9 for mark in _read(file, _HEAD, marks))
    return sorted(found)


def read_latencies_s(folder: Path) -> list[float]:
    """Return how long each job that told when it was sent had waited, in all processes."""
    found: list[float] = []
    for file in folder.glob("*.board"):
        found.extend(one / 1e9 for one in _read(file, _HEAD + _MARKS, _read(file, 1, 1)[0]))
    return found


def _read(path: Path, at: int, words: int) -> array[int]:
    found = array("Q")
    with path.open("rb") as file:
        file.seek(at * _WORD)
        found.frombytes(file.read(words * _WORD))
    return found
