"""The kinds of jobs, and the settings that are compared: the chart's values, and what one might set instead."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.autoscaling.hpa import DEFAULT_UP, Policy, Rules
from benchmarks.autoscaling.load import Plan, Service
from benchmarks.autoscaling.scalers import CpuScaler, FixedNumber, JobsScaler, Scaler

__all__ = ("CONCURRENCY", "MOST", "SHOWN", "Kind", "Setting", "make_kinds", "make_settings")

CONCURRENCY = 4
MOST = 10
_CORES_REQUESTED = 0.25
"""By a pod of the chart's group `analysis`."""
_ONE_A_MINUTE = Rules(window_s=300, policies=(Policy(period_s=60, pods=1),))
_ALL_AT_ONCE = Rules(window_s=60, policies=(Policy(period_s=15, percent=100),))
_BY_HALF = Rules(window_s=120, policies=(Policy(period_s=60, percent=50),))
_TO_THE_MOST = Rules(window_s=0, policies=(Policy(period_s=15, pods=MOST),))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of jobs, and a day of them."""

    title: str
    plan: Plan
    grace_s: float
    cores_per_slot: float
    """What a slot uses that works."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What sets the pods."""

    title: str
    scaler: Scaler
    grace_s: float | None = None
    """How long jobs may run on when their pod ends; None: as the kind of jobs needs it."""


SHOWN = ("2 pods, fixed", "HPA, CPU 70 %", "KEDA 4", "KEDA 20", "KEDA 20, from 2 pods, down by half")
"""The settings of the picture."""


def make_kinds(column: Service, column_cpu_s: float) -> list[Kind]:
    """Return the kinds of jobs.

    Args:
        column: how long the reference app's column takes, with all slots at work.
        column_cpu_s: of the processor's time.
    """
    columns = Plan(
        service=column,
        files_per_s=0.5,
        jobs_per_file=12,
        bursts_per_hour=3,
        jobs_per_burst=3000,
        batch_jobs=60_000,
    )
    calls = Plan(
        service=Service(mean_s=5, sigma=0.8),
        files_per_s=0.4,
        jobs_per_file=4,
        bursts_per_hour=3,
        jobs_per_burst=150,
        batch_jobs=3000,
    )
    long_ones = Plan(
        service=Service(mean_s=120, sigma=0.5),
        files_per_s=0.07,
        jobs_per_file=1,
        bursts_per_hour=1,
        jobs_per_burst=20,
        batch_jobs=150,
    )
    return [
        Kind(
            title=f"columns of {column.mean_s * 1000:.0f} ms",
            plan=columns,
            grace_s=20,
            cores_per_slot=column_cpu_s / column.mean_s,
        ),
        Kind(title="calls of 5 s", plan=calls, grace_s=60, cores_per_slot=0.02),
        Kind(title="jobs of 2 minutes, which get 20 s to end", plan=long_ones, grace_s=20, cores_per_slot=0.25),
    ]


def make_settings(kind: Kind) -> list[Setting]:
    """Return the settings, for a kind of jobs."""
    planned, five_times = _keda(1), _keda(5)
    cpu = CpuScaler(most=MOST, cores_per_slot=kind.cores_per_slot, cores_requested=_CORES_REQUESTED, down=_ONE_A_MINUTE)
    return [
        Setting(title="2 pods, fixed", scaler=FixedNumber(replicas=2)),
        Setting(title=f"{MOST} pods, fixed", scaler=FixedNumber(replicas=MOST)),
        Setting(title="HPA, CPU 70 %", scaler=cpu),
        Setting(title="KEDA 4", scaler=planned),
        Setting(title="KEDA 4, queued jobs alone", scaler=_keda(1, count_active=False)),
        Setting(title="KEDA 4, quick up and down", scaler=_keda(1, up=_TO_THE_MOST, down=_ALL_AT_ONCE)),
        Setting(title="KEDA 4, from 0 pods", scaler=_keda(1, least=0)),
        Setting(title="KEDA 4, no time to end", scaler=planned, grace_s=0),
        Setting(title="KEDA 20", scaler=five_times),
        Setting(title="KEDA 20, at least 3 pods", scaler=_keda(5, least=3)),
        Setting(title="KEDA 20, from 2 pods, down by half", scaler=_keda(5, least=2, down=_BY_HALF)),
        Setting(title="KEDA 100", scaler=_keda(25)),
    ]


def _keda(
    factor: int, *, least: int = 1, count_active: bool = True, up: Rules = DEFAULT_UP, down: Rules = _ONE_A_MINUTE
) -> JobsScaler:
    """Return KEDA that aims at so many times as many jobs a pod as it has slots."""
    return JobsScaler(
        least=least, most=MOST, jobs_per_replica=CONCURRENCY * factor, count_active=count_active, up=up, down=down
    )
