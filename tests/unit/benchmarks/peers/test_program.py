"""What an adapter's process does, with a queue that is a list."""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

import pytest

from benchmarks.peers.adapter import WARM_UP, Adapter, Task
from benchmarks.peers.program import main


class Listed(Adapter):
    packages = ("saq",)
    settings = "none"
    results = "none"
    bulk = True
    sent: list[tuple[str, int]]
    calls: int
    closed: bool
    made: ClassVar[Listed | None] = None

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        Listed.made = self

    async def open(self) -> None:
        self.sent, self.calls, self.closed = [], 0, False

    async def close(self) -> None:
        self.closed = True

    async def enqueue(self, function: str, payload: str, sent_ns: int) -> Any:
        self.calls += 1
        self.sent.append((payload, sent_ns))

    async def enqueue_bulk(self, function: str, payload: str, jobs: int) -> None:
        self.calls += 1
        self.sent += [(payload, 0)] * jobs

    async def round_trip(self, payload: str) -> None:
        self.sent.append((payload, 0))

    def work(self) -> None:
        raise AssertionError


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(**task: Any) -> tuple[dict[str, Any], Listed | None]:
        Listed.made = None
        monkeypatch.setattr("sys.argv", ["peer", json.dumps(task)])
        main(Listed)
        return json.loads(capsys.readouterr().out), Listed.made

    return ask


def test_it_describes_itself(answer: Any) -> None:
    facts, made = answer(role="describe")
    assert made is None
    assert set(facts["versions"]) == {"saq"}
    assert facts["bulk"] is True


def test_jobs_are_enqueued_one_call_each(answer: Any) -> None:
    figures, peer = answer(role="enqueue", jobs=250, payload=7)
    assert peer.calls == WARM_UP + 250
    assert set(peer.sent) == {("x" * 7, 0)}
    assert figures["cpu_s"] > 0
    assert figures["wall_s"] > 0
    assert peer.closed


def test_a_bulk_is_a_call_of_a_thousand(answer: Any) -> None:
    _, peer = answer(role="bulk", jobs=2500)
    assert len(peer.sent) == WARM_UP + 2500
    assert peer.calls == 1 + 3


def test_jobs_come_at_a_rate_and_tell_when_they_were_sent(answer: Any) -> None:
    begin = time.monotonic_ns()
    figures, peer = answer(role="pace", jobs=50, rate=200.0)
    stamps = [sent_ns for _, sent_ns in peer.sent[1:]]
    assert len(stamps) == 50
    assert stamps == sorted(stamps)
    assert begin < stamps[0]
    assert 0.2 < figures["wall_s"] < (time.monotonic_ns() - begin) / 1e9


def test_round_trips_end_with_their_number_or_their_time(answer: Any) -> None:
    figures, _ = answer(role="round_trip", jobs=5, limit_s=10.0)
    assert len(figures["trips_s"]) == 5
    figures, _ = answer(role="round_trip", jobs=100_000, limit_s=0.1)
    assert 1 <= len(figures["trips_s"]) < 100
