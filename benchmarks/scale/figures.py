"""The figures: kept as JSON, written into the page as tables."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import processor, server_name
from benchmarks.page import markdown_table, write_between
from benchmarks.scale.summary import BUSY, CONNECTIONS, IDLE_BUSY, JAEGER_SPAN_BYTES, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.scale.summary import Measurements

__all__ = ("Figures",)

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "benchmarks" / "scale_figures.json"
PAGE = ROOT / "docs" / "scale.md"
_PACKAGES = ("litestar-saq", "saq", "redis", "hiredis", "opentelemetry-sdk", "litestar")
_KB, _MB, _GB = 1000, 1_000_000, 1_000_000_000
_DAY_S = 86_400
_WHOLE_FROM = 10
_CHART_BYTES = 384 * 1024 * 1024
"""`redis.maxmemory` of the chart."""
_REPORTS_A_DAY = (1000, 10_000, 100_000)


class Figures:
    """Puts what was measured into its places.

    Args:
        measured: all that was measured.
        server: what the broker tells of itself (`INFO server`).
        load: the machine's load while it was measured, least and most.
    """

    def __init__(self, measured: Measurements, server: Mapping[str, Any], load: tuple[float, float]) -> None:
        self._measured = measured
        self._server = server_name(server)
        self._load = load
        self.summary = summarize(measured)

    def write(self) -> None:
        """Write the raw figures and the page's."""
        figures = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "processor": processor(),
            "cores": os.cpu_count(),
            "load": {"least": self._load[0], "most": self._load[1]},
            "broker": self._server,
            "versions": {package: version(package) for package in _PACKAGES},
            "summary": self.summary,
            "measurements": asdict(self._measured),
        }
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
        write_between(PAGE, "measured", self.markdown())

    def markdown(self) -> str:
        """Return the page's tables."""
        parts = (
            ("One Redis:", self._redis()),
            ("One worker:", self._workers()),
            ("Traces:", self._traces()),
            ("A day, spread evenly:", self._volumes()),
        )
        return "\n\n".join([*(text for part in parts for text in part), self._circumstances()])

    def _redis(self) -> str:
        no_op, column = self.summary["no_op"], self.summary["column"]
        title = f"a column of {column['rows']} rows, with its part of the report"
        rows = [
            ("commands, those of scripts too", f"{no_op['commands']:.0f}", f"{column['commands']:.0f}"),
            ("the server's CPU", f"{no_op['server_us']:.0f} µs", f"{column['server_us']:.0f} µs"),
            (
                f"jobs/s at {BUSY * 100:.0f} % of its core",
                f"**{no_op['jobs_per_s_of_redis']:,.0f}**",
                f"**{column['jobs_per_s_of_redis']:,.0f}**",
            ),
            ("memory while it waits", f"{no_op['waiting_bytes']:.0f} B", ""),
            ("memory until its ttl", f"{no_op['finished_bytes']:.0f} B", f"{column['finished_bytes'] / _KB:.1f} kB"),
        ]
        return markdown_table(("one job", "that does nothing", title), rows)

    def _workers(self) -> str:
        idle, worker, app = (self.summary[name] for name in ("idle_worker", "worker", "app_worker"))
        column = self.summary["column"]
        rows = [
            ("jobs/s", f"**{worker['jobs_per_s']:,.0f}**", f"**{column['columns_per_s']:.0f}**"),
            ("its CPU for a job", f"{worker['cpu_us'] / 1000:.2f} ms", f"{column['cpu_s'] * 1000:.1f} ms"),
            ("a job's time, all slots at work", "", f"{column['mean_s'] * 1000:.0f} ms on average"),
            ("memory", f"{worker['memory_bytes'] / _MB:.0f} MB", f"{app['memory_bytes'] / _MB:.0f} MB"),
            ("idle: its CPU", f"{idle['cpu_share'] * 100:.1f} %", f"{app['cpu_share_idle'] * 100:.1f} %"),
            ("idle: commands/s at the server", f"{idle['commands_per_s']:.1f}", ""),
            ("idle: the server's CPU", f"{idle['server_us_per_s']:.0f} µs/s", ""),
            ("connections", f"{idle['connections']:.0f}", ""),
            (f"workers with {CONNECTIONS:,} connections", f"**{idle['workers_by_connections']:.0f}**", ""),
            (f"idle workers at {IDLE_BUSY * 100:.0f} % of the server's core", f"{idle['workers_by_cpu']:.0f}", ""),
        ]
        return markdown_table(
            ("one worker process", "10 slots, no-op jobs", "of `analysis`, 4 slots, telemetry on"), rows
        )

    def _traces(self) -> str:
        rows = [
            (
                f"{report['columns']:.0f}",
                f"{report['spans']:.0f}",
                f"{report['plain_bytes'] / _KB:.0f} kB",
                f"{report['sent_bytes'] / _KB:.0f} kB",
                f"{report['plain_bytes_per_span']:.0f} B",
                f"{report['sent_bytes_per_span']:.0f} B",
                f"{report['jaeger_bytes'] / _KB:.0f} kB",
            )
            for report in self.summary["reports"]
        ]
        jaeger = f"Jaeger's memory, {JAEGER_SPAN_BYTES / _KB:.0f} kB a span"
        titles = ("columns of a report", "spans", "OTLP", "with gzip", "a span", "with gzip", jaeger)
        return markdown_table(titles, rows)

    def _volumes(self) -> str:
        report = min(self.summary["reports"], key=lambda one: one["columns"])
        rows = [
            (
                f"{count:,}",
                _short(count * report["columns"] / _DAY_S),
                _short(count * report["analysis_cpu_s"] / 3600),
                f"{_short(count * report['server_s'] / _DAY_S * 100)} %",
                f"{_short(count * report['redis_bytes'] / _GB)} GB",
                _short(count * report["spans"] / _DAY_S),
                f"{_short(count * report['plain_bytes'] / _GB)} GB",
                f"{_short(count * report['sent_bytes'] / _GB)} GB",
            )
            for count in _REPORTS_A_DAY
        ]
        titles = (
            f"reports of {report['columns']:.0f} columns a day",
            "columns/s",
            "core-hours of `analysis`",
            "of Redis' core",
            "Redis, kept a day",
            "spans/s",
            "OTLP a day",
            "with gzip",
        )
        held = _CHART_BYTES / report["redis_bytes"]
        kept = f"A Redis of {_CHART_BYTES / 1024**2:.0f} MiB, as the chart's, holds {held:,.0f} such reports."
        return f"{markdown_table(titles, rows)}\n\n{kept}"

    def _circumstances(self) -> str:
        least, most = self._load
        busy = " It had other work meanwhile, so a quiet one does better." if least > (os.cpu_count() or 1) else ""
        return (
            f"Measured by `make scale`: {processor()}, {os.cpu_count()} cores at a load of {least:.1f} to {most:.1f}, "
            f"Python {platform.python_version()}, {self._server}, all on one machine.{busy}"
        )


def _short(value: float) -> str:
    """Return two digits, or the whole number."""
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:.2g}"
