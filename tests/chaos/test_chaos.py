"""A short run, from the seed `CHAOS_SEED`; `make chaos` has a new one each time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.history import check
from tests.chaos.run import run


@pytest.mark.timeout(420)
def test_whatever_dies_no_job_is_lost_and_none_runs_twice_without_a_reason(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    report = run(tmp_path, seed=seed, seconds=50, rates=(20.0, 20.0), rest_s=1.5)
    print(report)
    assert report.is_good, f"CHAOS_SEED={seed}: {report}\nlost: {report.lost}\nunexplained: {report.unexplained}"
    assert report.acknowledged > 0
    assert len(report.faults) > 1


def test_what_is_lost_and_what_ran_again_for_no_reason_is_told() -> None:
    events = [
        {"event": "acknowledged", "job": "lost", "at": 1.0, "pid": 1},
        {"event": "acknowledged", "job": "gone", "at": 1.0, "pid": 1},
        {"event": "acknowledged", "job": "twice", "at": 1.0, "pid": 1},
        {"event": "started", "job": "twice", "at": 2.0, "pid": 2},
        {"event": "finished", "job": "twice", "at": 3.0, "pid": 2},
        {"event": "started", "job": "twice", "at": 4.0, "pid": 2},
        {"event": "fault", "kind": "kill", "at": 100.0, "until": 101.0, "pid": 0, "victim": 3},
        {"event": "started", "job": "again", "at": 99.0, "pid": 3},
        {"event": "started", "job": "again", "at": 110.0, "pid": 2},
    ]
    report = check(events, {"lost": "active", "gone": None, "twice": "complete", "again": "complete"})
    assert not report.is_good
    assert (report.lost, report.unexplained) == (["gone", "lost"], ["twice"])
    assert (report.repeated, report.recovery_s) == (1, [10.0])
