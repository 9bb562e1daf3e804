"""What is only noted of a running job: it waits a while, since most jobs have ended by then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar_saq.jobs import Job

__all__ = ("NOTE_AFTER_S", "Noted", "Notes")

NOTE_AFTER_S = 0.1
"""A note waits for one to two of these seconds."""

Noted = tuple["Job", bytes]
"""A job, and what is stored of it: where that has changed by then, somebody has written what counts more."""


class Notes:
    """Notes that wait.

    Args:
        write: called with those that are due, by the jobs' keys.
    """

    def __init__(self, write: Callable[[dict[str, Noted]], None]) -> None:
        self._write = write
        self._new: dict[str, tuple[Noted, Callable[[], None]]] = {}
        self._old: dict[str, tuple[Noted, Callable[[], None]]] = {}

    def add(self, job: Job, held: bytes, complete: Callable[[], None]) -> None:
        """Note a job.

        Args:
            job: the job.
            held: what is stored of it.
            complete: adds to the job what is to be noted, when that is due.
        """
        if not self._new and not self._old:
            asyncio.get_running_loop().call_later(NOTE_AFTER_S, self._tick)
        self._new[job.key] = (job, held), complete

    def drop(self, key: str) -> None:
        """Forget the note of a job of which all is written now."""
        self._new.pop(key, None)
        self._old.pop(key, None)

    def _tick(self) -> None:
        due, self._old, self._new = self._old, self._new, {}
        if due:
            for _, complete in due.values():
                complete()
            self._write({key: noted for key, (noted, _) in due.items()})
        if self._old:
            asyncio.get_running_loop().call_later(NOTE_AFTER_S, self._tick)
