"""What follows from what was measured: costs of a job, and how much of them one Redis and one worker can bear."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.scale.app_load import AppIdle, ReportLoad
    from benchmarks.scale.broker_load import BrokerLoad
    from benchmarks.scale.server import Used

__all__ = ("BUSY", "CONNECTIONS", "IDLE_BUSY", "JAEGER_SPAN_BYTES", "Measurements", "summarize")

BUSY = 0.7
"""How much of its one core a Redis is to be used at most."""
IDLE_BUSY = 0.1
"""How much of it workers that have nothing to do may use."""
CONNECTIONS = 10_000
"""A Redis' own limit (`maxclients`)."""
JAEGER_SPAN_BYTES = 2000
"""About what Jaeger holds in memory for a span."""


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """All that was measured."""

    quiet_cpu_share: float
    """Of a core, by the server with nobody there."""
    rounds: Sequence[BrokerLoad]
    app_idle: AppIdle
    reports: Sequence[ReportLoad]


def summarize(measured: Measurements) -> dict[str, Any]:
    """Return the figures of the page and of the simulation."""
    return {
        "no_op": _no_op(measured.rounds, measured.quiet_cpu_share),
        "column": _column(measured.reports, measured.app_idle.server),
        "idle_worker": _idle_worker(measured),
        "worker": _worker(measured.rounds),
        "app_worker": _app_worker(measured),
        "reports": [_report(load, measured.app_idle.server) for load in measured.reports],
        "cron_spans_per_hour": measured.app_idle.cron_spans / measured.app_idle.server.wall_s * 3600,
    }


def _no_op(rounds: Sequence[BrokerLoad], quiet: float) -> dict[str, float]:
    enqueue_us = median((one.enqueue.cpu_s - quiet * one.enqueue.wall_s) / one.jobs for one in rounds) * 1e6
    drain_us = median((one.drain.cpu_s - quiet * one.drain.wall_s) / one.jobs for one in rounds) * 1e6
    return {
        "commands": median((one.enqueue.commands + one.drain.commands) / one.jobs for one in rounds),
        "enqueue_server_us": enqueue_us,
        "drain_server_us": drain_us,
        "server_us": enqueue_us + drain_us,
        "jobs_per_s_of_redis": BUSY / (enqueue_us + drain_us) * 1e6,
        "waiting_bytes": median(one.enqueue.memory_bytes / one.jobs for one in rounds),
        "finished_bytes": median(one.kept_bytes / one.jobs for one in rounds),
    }


def _column(reports: Sequence[ReportLoad], idle: Used) -> dict[str, float]:
    """Return what a column costs: of the largest reports, where the rest of a report weighs least.

    What the app uses of the server without reports is left out; it is told apart.
    """
    load = max(reports, key=lambda one: one.columns)
    columns = load.reports * load.columns
    part = load.server.wall_s / idle.wall_s
    server_us = (load.server.cpu_s - idle.cpu_s * part) / columns * 1e6
    return {
        "rows": load.rows,
        "mean_s": round(load.column_mean_s, 4),
        "sigma": round(load.column_sigma, 3),
        "cpu_s": round(load.analysis_cpu_s / columns, 5),
        "columns_per_s": load.columns_per_s,
        "commands": (load.server.commands - idle.commands * part) / columns,
        "server_us": server_us,
        "jobs_per_s_of_redis": BUSY / server_us * 1e6,
        "finished_bytes": load.server.memory_bytes / columns,
        "spans": load.traces.spans / columns,
    }


def _idle_worker(measured: Measurements) -> dict[str, float]:
    rounds, quiet = measured.rounds, measured.quiet_cpu_share
    share = median(max(0.0, one.idle.cpu_s / one.idle.wall_s - quiet) / one.workers for one in rounds)
    connections = median(one.connections / one.workers for one in rounds)
    return {
        "commands_per_s": median(one.idle.commands / one.idle.wall_s / one.workers for one in rounds),
        "server_us_per_s": share * 1e6,
        "connections": connections,
        "cpu_share": median(one.idle_cpu_s / one.idle.wall_s / one.workers for one in rounds),
        "workers_by_connections": CONNECTIONS / connections,
        "workers_by_cpu": IDLE_BUSY / share if share else 0.0,
    }


def _worker(rounds: Sequence[BrokerLoad]) -> dict[str, float]:
    alone = [one for one in rounds if one.workers == 1]
    return {
        "jobs_per_s": median(one.jobs_per_s for one in alone),
        "cpu_us": median(one.worker_cpu_s / one.counted_jobs for one in rounds) * 1e6,
        "memory_bytes": median(one.worker_memory_bytes for one in rounds),
    }


def _app_worker(measured: Measurements) -> dict[str, float]:
    idle = measured.app_idle
    return {
        "memory_idle_bytes": idle.analysis_memory_bytes,
        "memory_bytes": max(load.analysis_memory_bytes for load in measured.reports),
        "cpu_share_idle": idle.analysis_cpu_s / idle.server.wall_s,
        "app_commands_per_s_idle": idle.server.commands / idle.server.wall_s,
        "app_connections": idle.connections,
    }


def _report(load: ReportLoad, idle: Used) -> dict[str, float]:
    traces, reports = load.traces, load.reports
    server_s = load.server.cpu_s - idle.cpu_s * load.server.wall_s / idle.wall_s
    return {
        "columns": load.columns,
        "rows": load.rows,
        "spans": traces.spans / reports,
        "plain_bytes": traces.plain_bytes / reports,
        "sent_bytes": traces.sent_bytes / reports,
        "plain_bytes_per_span": traces.plain_bytes / traces.spans,
        "sent_bytes_per_span": traces.sent_bytes / traces.spans,
        "jaeger_bytes": traces.spans / reports * JAEGER_SPAN_BYTES,
        "redis_bytes": load.server.memory_bytes / reports,
        "server_s": server_s / reports,
        "analysis_cpu_s": load.analysis_cpu_s / reports,
    }
