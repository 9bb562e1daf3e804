"""What jobs leave of their begin."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.peers.board import MARK_EVERY, Board, read_counts, read_latencies_s, read_marks_s

if TYPE_CHECKING:
    from pathlib import Path


def test_jobs_are_counted_over_all_processes(tmp_path: Path) -> None:
    board = Board(str(tmp_path))
    for _ in range(3):
        board.begun(0)
    assert read_counts(tmp_path) == 3
    next(tmp_path.glob("*.board")).rename(tmp_path / "another.board")
    Board(str(tmp_path)).begun(0)
    assert read_counts(tmp_path) == 4
    assert read_counts(tmp_path / "nothing") == 0


def test_each_so_many_jobs_leave_the_time(tmp_path: Path) -> None:
    board = Board(str(tmp_path))
    begin = time.monotonic()
    for _ in range(3 * MARK_EVERY - 1):
        board.begun(0)
    marks = read_marks_s(tmp_path)
    assert len(marks) == 2
    assert begin <= marks[0] <= marks[1] <= time.monotonic()


def test_who_tells_when_it_was_sent_leaves_how_long_it_waited(tmp_path: Path) -> None:
    board = Board(str(tmp_path))
    sent_ns = time.monotonic_ns() - 1_000_000_000
    board.begun(sent_ns)
    board.begun(0)
    (waited,) = read_latencies_s(tmp_path)
    assert 1.0 <= waited <= (time.monotonic_ns() - sent_ns) / 1e9


def test_only_what_is_used_takes_room(tmp_path: Path) -> None:
    board = Board(str(tmp_path))
    board.begun(0)
    assert next(tmp_path.glob("*.board")).stat().st_blocks * 512 <= 64 * 1024
