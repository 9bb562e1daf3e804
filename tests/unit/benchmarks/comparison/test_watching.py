"""How quick workers are, of the times that they leave."""

from __future__ import annotations

import pytest

from benchmarks.comparison.processes import PeerError
from benchmarks.comparison.watching import pace
from benchmarks.peers.board import MARK_EVERY


def test_the_pace_is_that_between_the_marks() -> None:
    marks = [10.0 + at / 10 for at in range(11)]
    assert pace(marks, 0) == pytest.approx(10 * MARK_EVERY)


def test_the_first_jobs_are_not_counted() -> None:
    slow_begin = [0.0, 100.0, 100.1, 100.2]
    assert pace(slow_begin, 2 * MARK_EVERY) == pytest.approx(10 * MARK_EVERY)


def test_too_few_jobs_have_no_pace() -> None:
    with pytest.raises(PeerError, match="1 times are too few"):
        pace([1.0], 0)
