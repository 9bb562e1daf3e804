"""The jobs that a worker has at hand: taken, so that a slot that is free again waits for no round trip."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from saq.job import Job

__all__ = ("Hand",)

LONGEST_S = 0.1
"""How long a job lies at hand at most; then it goes back, for whoever has a slot."""
_AHEAD_S = 0.01
"""The jobs that end in this time are worth having at hand."""
_MOST = 200
"""How many there are at most."""
_QUICK_S = 0.05
"""Jobs that take longer are not: to them a round trip is little, and other workers would wait for them."""
_WINDOW_S = 0.01
_NEWEST = 0.25
"""What the last window counts for in the rate."""
_SETTLE_S = 0.005


class _Taken(NamedTuple):
    job: Job
    since: float


class Hand:
    """Takes jobs, and gives them out one by one.

    Args:
        slots: how many jobs run at a time.
        give_back: called with jobs that lie too long, the first one first.
        is_settled: tells whether no more are under way; until then they are not given back, or those would come first.
    """

    def __init__(self, slots: int, give_back: Callable[[list[Job]], None], is_settled: Callable[[], bool]) -> None:
        self._slots = slots
        self._give_back = give_back
        self._is_settled = is_settled
        self._late = False
        """Whether those at hand lie too long."""
        self._taken: deque[_Taken] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ends = 0
        self._since = time.monotonic()
        self._rate = 0.0

    def __len__(self) -> int:
        return len(self._taken)

    def put(self, job: Job) -> None:
        """Take a job for which there is no slot yet."""
        self._taken.append(_Taken(job, time.monotonic()))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LONGEST_S, self._look)

    def pop(self) -> Job:
        """Return the first one."""
        return self._taken.popleft().job

    @property
    def since(self) -> float:
        """Since when the first one is there; there has to be one."""
        return self._taken[0].since

    def clear(self) -> None:
        """Give all of them back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._late = False
        jobs = [one.job for one in self._taken]
        self._taken.clear()
        if jobs:
            self._give_back(jobs)

    def ended(self) -> None:
        """Count a job that has ended."""
        self._ends += 1
        now = time.monotonic()
        if (passed_s := now - self._since) >= LONGEST_S:
            self._rate = 0.0
        if passed_s >= _WINDOW_S:
            # They end in bursts: one window alone tells little.
            self._rate += (self._ends / passed_s - self._rate) * (_NEWEST if self._rate else 1.0)
            self._ends = 0
            self._since = now

    def rate(self) -> float:
        """Return how many jobs a second have ended of late."""
        return self._rate if time.monotonic() - self._since < LONGEST_S else 0.0

    def wanted(self) -> int:
        """Return how many more are worth having beside those that run; less than none where there are too many."""
        rate = self.rate() if not self._late else 0.0
        ahead = min(_MOST, math.ceil(rate * _AHEAD_S)) if rate * _QUICK_S >= self._slots else 0
        return ahead - len(self._taken)

    def _look(self) -> None:
        self._timer = None
        if not self._taken:
            self._late = False
            return
        # Whoever has held up the first one holds up the others as well.
        left_s = LONGEST_S - (time.monotonic() - self._taken[0].since)
        if left_s <= 0 and self._is_settled():
            self._rate = 0.0
            self.clear()
            return
        self._late = left_s <= 0
        self._timer = asyncio.get_running_loop().call_later(max(left_s, _SETTLE_S), self._look)
