"""The figures of long runs: kept as JSON, one for each broker, and shown as a table in docs/delivery.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.page import markdown_table, write_between
from tests.chaos.history import Report, share

__all__ = ("write",)

DOCS = Path(__file__).parents[2] / "docs"
RAW, PAGE = DOCS / "chaos.json", DOCS / "delivery.md"
_TITLES = {"redis": "Valkey", "postgres": "Postgres"}


def write(report: Report, *, broker: str, seed: int, minutes: float) -> None:
    """Put a run in the place of the last one of its broker."""
    kept: dict[str, Any] = json.loads(RAW.read_text("utf-8")) if RAW.exists() else {}
    kept[broker] = {
        "made": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": seed,
        "minutes": minutes,
        "acknowledged": report.acknowledged,
        "runs": report.runs,
        "faults": dict(sorted(report.faults.items())),
        "lost": len(report.lost),
        "repeated": report.repeated,
        "unexplained": len(report.unexplained),
        "recovered": len(report.recovery_s),
        "recovery_p50_s": round(share(report.recovery_s, 0.5), 1),
        "recovery_p99_s": round(share(report.recovery_s, 0.99), 1),
        "recovery_most_s": round(share(report.recovery_s, 1), 1),
    }
    RAW.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")
    write_between(PAGE, "chaos", _tables(kept))


def _tables(kept: dict[str, Any]) -> str:
    names = [name for name in _TITLES if name in kept]
    runs = [kept[name] for name in names]
    lines = {
        "minutes": [f"{run['minutes']:g}" for run in runs],
        "jobs whose `enqueue` returned": [f"{run['acknowledged']:,}" for run in runs],
        "of these without a final state": [str(run["lost"]) for run in runs],
        "runs": [f"{run['runs']:,}" for run in runs],
        "of these once more, after a fault": [str(run["repeated"]) for run in runs],
        "of these once more for no reason": [str(run["unexplained"]) for run in runs],
        "jobs that killed workers ran": [str(run["recovered"]) for run in runs],
        "begun again after, half of them / 99 % / all": [
            f"{run['recovery_p50_s']} / {run['recovery_p99_s']} / {run['recovery_most_s']} s" for run in runs
        ],
    }
    kinds = sorted({kind for run in runs for kind in run["faults"]})
    lines |= {f"fault: {kind}": [str(run["faults"].get(kind, 0)) for run in runs] for kind in kinds}
    table = markdown_table(["", *(_TITLES[name] for name in names)], [[name, *cells] for name, cells in lines.items()])
    made = "; ".join(f"{_TITLES[name]}: seed {kept[name]['seed']}, {kept[name]['made']}" for name in names)
    return f"{table}\n\n{made}."
