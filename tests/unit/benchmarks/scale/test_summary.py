"""What follows from measurements, with figures that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scale.app_load import AppIdle, ReportLoad
from benchmarks.scale.broker_load import BrokerLoad
from benchmarks.scale.server import ServerState, Used, used_between
from benchmarks.scale.span_counter import Counted
from benchmarks.scale.summary import Measurements, summarize


def used(wall_s: float = 10, cpu_s: float = 0, commands: int = 0, memory_bytes: int = 0) -> Used:
    return Used(wall_s=wall_s, cpu_s=cpu_s, commands=commands, memory_bytes=memory_bytes)


def broker_load(workers: int) -> BrokerLoad:
    return BrokerLoad(
        workers=workers,
        jobs=1000,
        # The server needs 0.01 s of each 10 s for itself.
        enqueue=used(cpu_s=0.03, commands=1000, memory_bytes=400_000),
        drain=used(cpu_s=0.06, commands=9000),
        idle=used(cpu_s=0.01 + 0.002 * workers, commands=120 * workers),
        kept_bytes=300_000,
        connections=12 * workers,
        jobs_per_s=500 * workers,
        worker_cpu_s=0.4,
        counted_jobs=800,
        idle_cpu_s=0.1 * workers,
        worker_memory_bytes=60_000_000,
    )


def report_load(columns: int) -> ReportLoad:
    return ReportLoad(
        reports=2,
        columns=columns,
        rows=100,
        server=used(cpu_s=0.02 + 0.0007 * columns, commands=200 + 40 * columns, memory_bytes=5000 * columns),
        traces=Counted(spans=2 * (4 + 10 * columns), plain_bytes=8000 * columns, sent_bytes=1000 * columns),
        wall_s=1,
        analysis_cpu_s=0.05 * columns,
        analysis_memory_bytes=columns,
        column_mean_s=0.1,
        column_sigma=0.5,
        columns_per_s=30,
    )


@pytest.fixture
def summary() -> dict[str, Any]:
    idle = AppIdle(
        server=used(wall_s=20, cpu_s=0.04, commands=400),
        connections=30,
        analysis_cpu_s=0.2,
        analysis_memory_bytes=1,
        cron_spans=6,
    )
    rounds = [broker_load(1), broker_load(3)]
    return summarize(
        Measurements(quiet_cpu_share=0.001, rounds=rounds, app_idle=idle, reports=[report_load(100), report_load(10)])
    )


def test_what_one_redis_carries(summary: dict[str, Any]) -> None:
    no_op = summary["no_op"]
    assert no_op["commands"] == pytest.approx(10)
    assert no_op["server_us"] == pytest.approx(70)
    assert no_op["jobs_per_s_of_redis"] == pytest.approx(10_000)  # 0.7 s of a core, 70 µs each
    assert (no_op["waiting_bytes"], no_op["finished_bytes"]) == (400, 300)


def test_idle_workers(summary: dict[str, Any]) -> None:
    idle = summary["idle_worker"]
    assert idle["commands_per_s"] == pytest.approx(12)
    assert idle["connections"] == 12
    assert idle["workers_by_connections"] == pytest.approx(10_000 / 12)
    # 0.0002 of a core each, what the server needs alone left out.
    assert idle["server_us_per_s"] == pytest.approx(200, rel=0.01)
    assert idle["workers_by_cpu"] == pytest.approx(500, rel=0.01)


def test_a_column_is_that_of_the_largest_report(summary: dict[str, Any]) -> None:
    column = summary["column"]
    assert column["commands"] == 20
    assert column["server_us"] == pytest.approx(350)  # what the app uses without reports left out
    assert column["cpu_s"] == 0.025
    assert column["spans"] == pytest.approx(10.04)


def test_a_worker_alone_gives_the_pace(summary: dict[str, Any]) -> None:
    assert summary["worker"]["jobs_per_s"] == 500
    assert summary["worker"]["cpu_us"] == pytest.approx(500)


def test_traces(summary: dict[str, Any]) -> None:
    report = next(one for one in summary["reports"] if one["columns"] == 10)
    assert report["spans"] == 104
    assert report["plain_bytes"] == 40_000
    assert report["jaeger_bytes"] == 208_000
    assert summary["cron_spans_per_hour"] == pytest.approx(1080)


def test_the_question_itself_is_not_counted() -> None:
    before = ServerState(at_s=1, cpu_s=1, commands=10, memory_bytes=100, connections=1)
    after = ServerState(at_s=3, cpu_s=1.5, commands=21, memory_bytes=90, connections=2)
    assert used_between(before, after) == used(wall_s=2, cpu_s=0.5, commands=10, memory_bytes=-10)
