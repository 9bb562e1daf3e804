"""What is written of the measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.comparison.figures import Figures
from benchmarks.comparison.plan import Plan
from benchmarks.comparison.processes import Peer
from benchmarks.comparison.summary import Measurement
from benchmarks.comparison.variants import VARIANTS


def peer(name: str, *, bulk: bool, polls: bool) -> Peer:
    facts = {
        "versions": {name: "1.2"},
        "settings": "as by default",
        "results": "kept",
        "bulk": bulk,
        "polls": polls,
        "tells": polls,
    }
    return Peer(variant=VARIANTS[name], python=Path("python"), facts=facts)


@pytest.fixture
def figures() -> Figures:
    peers = [peer("ours", bulk=True, polls=True), peer("celery", bulk=False, polls=False)]
    figures = Figures(Plan(variants=["ours", "celery"], rounds=2), peers, {"redis_version": "8.0.1"})
    for turn, rate in enumerate((100.0, 300.0)):
        figures.add(Measurement(round=turn, step="drain-50", variant="ours", figures={"jobs_per_s": rate}))
    figures.fail("naps", "celery", "Traceback …\n  line\nValueError: too tired\n")
    return figures


def test_a_rate_is_of_its_round(figures: Figures) -> None:
    assert figures.rate(0, "ours") == 100.0
    assert figures.rate(1, "ours") == 300.0
    assert figures.rate(1, "celery") is None


def test_each_peer_tells_its_versions_and_settings(figures: Figures) -> None:
    assert "- **Celery** (celery 1.2): as by default; results: kept." in figures.markdown()


def test_each_dash_has_a_reason(figures: Figures) -> None:
    text = figures.markdown()
    assert "- Celery: no call that enqueues many jobs." in text
    assert "- celery, naps: ValueError: too tired." in text


def test_the_circumstances_are_told(figures: Figures) -> None:
    assert "Medians of 2 rounds of 20,000 jobs" in figures.markdown()
    assert "redis 8.0.1" in figures.markdown()


def test_the_raw_figures_can_go_elsewhere(figures: Figures, tmp_path: Path) -> None:
    figures.write(tmp_path / "raw.json")
    raw = json.loads((tmp_path / "raw.json").read_text())
    assert raw["summary"]["drain-50"]["ours"]["jobs_per_s"] == 200.0
    assert raw["failed"] == [
        {"step": "naps", "variant": "celery", "reason": "Traceback …\n  line\nValueError: too tired\n"}
    ]
    assert len(raw["measurements"]) == 2
    assert raw["plan"]["rounds"] == 2


def test_what_sleeping_alone_does_is_told_where_it_was_measured(figures: Figures) -> None:
    assert "only sleep" not in figures.markdown()
    figures.add(Measurement(round=0, step="sleeps", variant="sleeps", figures={"jobs_per_s": 4850.0}))
    assert "50 coroutines that only sleep for 10 ms, with no queue: 97 % of 5,000." in figures.markdown()


def test_a_part_is_added_to_the_last_run(figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "peers.json"
    figures.write(raw)
    monkeypatch.setattr("benchmarks.comparison.figures.RAW", raw)
    peers = [peer("ours", bulk=True, polls=True), peer("celery", bulk=False, polls=False)]
    part = Figures(Plan(variants=["ours", "celery"], rounds=2, groups=["idle"]), peers, {"redis_version": "8.0.1"})
    part.add(Measurement(round=0, step="idle", variant="ours", figures={"commands_per_s": 1.5}))
    part.keep_others()
    assert part.rate(1, "ours") == 300.0
    assert "ValueError: too tired" in part.markdown()
    assert "1.50" in part.markdown()
    other = Figures(Plan(variants=["ours"], rounds=2), peers[:1], {"redis_version": "8.0.1"})
    with pytest.raises(SystemExit, match="other versions"):
        other.keep_others()
