"""How many jobs are worth having at hand, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from litestar_saq import _hand
from litestar_saq._hand import Hand
from litestar_saq.jobs import Job


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(_hand, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("slots", "job_s", "ahead"),
    [
        (10, 0.01, 10),
        (50, 0.01, 50),
        (10, 0.04, 3),
        (10, 0.001, 94),
        (50, 0.001, 200),
        (10, 0.06, 0),
        (1, 10, 0),
        (1, 0.01, 1),
    ],
)
def test_as_many_as_end_in_10_ms_where_they_are_quick(clock: Clock, slots: int, job_s: float, ahead: int) -> None:
    hand = Hand(slots, lambda _: None, lambda: True)
    assert hand.wanted() == 0
    for _ in range(20):
        clock.now += job_s
        for _ in range(slots):
            hand.ended()
    assert hand.wanted() == ahead


def test_what_was_quick_a_while_ago_counts_no_more(clock: Clock) -> None:
    hand = Hand(10, lambda _: None, lambda: True)
    clock.now += 0.02
    for _ in range(20):
        hand.ended()
    clock.now += 0.02
    hand.ended()
    assert hand.wanted() > 0
    clock.now += 1
    assert (hand.rate(), hand.wanted()) == (0, 0)


async def test_they_go_back_together_after_a_while() -> None:
    back: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
    hand = Hand(10, back.set_result, lambda: True)
    jobs = [Job("f", key=str(number)) for number in range(3)]
    began = asyncio.get_running_loop().time()
    for job in jobs:
        hand.put(job)
    assert hand.pop() is jobs[0]
    assert hand.wanted() == -2
    assert await asyncio.wait_for(back, 60) == jobs[1:]
    assert asyncio.get_running_loop().time() - began >= _hand.LONGEST_S * 0.9
    assert not hand


async def test_they_wait_for_those_that_are_under_way() -> None:
    settled, asked = False, asyncio.Event()
    back: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def is_settled() -> bool:
        asked.set()
        return settled

    hand = Hand(10, back.set_result, is_settled)
    first, late = Job("f", key="first"), Job("f", key="late")
    hand.put(first)
    await asyncio.wait_for(asked.wait(), 60)
    assert hand.wanted() == -1
    hand.put(late)
    settled = True
    assert await asyncio.wait_for(back, 60) == [first, late]


async def test_none_goes_back_where_there_is_none() -> None:
    back: list[Any] = []
    later = asyncio.Event()
    hand, other = Hand(10, back.extend, lambda: True), Hand(10, lambda _: later.set(), lambda: True)
    hand.clear()
    hand.put(Job("f"))
    hand.pop()
    other.put(Job("f"))
    await asyncio.wait_for(later.wait(), 60)
    hand.clear()
    assert back == []
