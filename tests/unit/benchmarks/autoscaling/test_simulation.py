"""The simulation against queueing theory and against days that can be worked out by hand."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean

import pytest

from benchmarks.autoscaling.group import Shape
from benchmarks.autoscaling.hpa import Policy, Rules
from benchmarks.autoscaling.load import DAY_S, Job, Plan, Service, make_jobs
from benchmarks.autoscaling.scalers import CpuScaler, FixedNumber, JobsScaler, Scaler
from benchmarks.autoscaling.simulation import Outcome, simulate

AT_ONCE = Rules(window_s=0, policies=(Policy(period_s=15, percent=100),))
KEDA = JobsScaler(jobs_per_replica=1, most=4, down=AT_ONCE)
ONE_SLOT = Shape(concurrency=1, start_s=12, grace_s=20)


def erlang_c_wait_s(arrivals_per_s: float, mean_s: float, slots: int) -> float:
    """Return the mean wait of a queue M/M/c."""
    load = arrivals_per_s * mean_s
    full = load**slots / math.factorial(slots) / (1 - load / slots)
    waits = full / (sum(load**k / math.factorial(k) for k in range(slots)) + full)
    return waits * mean_s / (slots - load)


@pytest.mark.parametrize(("pods", "slots", "busy"), [(1, 1, 0.6), (1, 4, 0.8), (2, 4, 0.9)])
def test_waits_are_those_of_erlang_c(pods: int, slots: int, busy: float) -> None:
    rng = Random(7)
    mean_s, at, jobs = 0.1, 0.0, []
    per_s = busy * pods * slots / mean_s
    for _ in range(150_000):
        at += rng.expovariate(per_s)
        jobs.append(Job(at, rng.expovariate(1 / mean_s)))
    outcome = simulate(FixedNumber(replicas=pods), jobs, Shape(concurrency=slots), until_s=1)
    expected = erlang_c_wait_s(per_s, mean_s, pods * slots)
    assert fmean(wait for _, wait in outcome.waits) == pytest.approx(expected, rel=0.06)


def day(scaler: Scaler, jobs: list[Job], shape: Shape = ONE_SLOT, until_s: float = 600) -> Outcome:
    return simulate(scaler, jobs, shape, until_s)


def waits(outcome: Outcome) -> list[float]:
    return [round(wait, 6) for _, wait in outcome.waits]


def test_two_slots_take_turns() -> None:
    outcome = day(FixedNumber(replicas=1), [Job(1, 10)] * 4, Shape(concurrency=2))
    assert waits(outcome) == [0, 0, 10, 10]
    assert outcome.pod_hours == pytest.approx(600 / 3600)


def test_pods_come_at_the_next_look_and_after_their_start() -> None:
    # Looked at 15 s: 1 runs, 3 wait. Three pods more, which are ready at 27 s.
    outcome = day(KEDA, [Job(10, 100)] * 4)
    assert waits(outcome) == [0, 17, 17, 17]
    assert outcome.most_pods == 4


def test_pods_go_when_the_jobs_are_done_and_cost_until_then() -> None:
    outcome = day(KEDA, [Job(10, 100)] * 4)
    # The first ends at 110 s, the others at 127 s. At 120 s one pod of four is too many, and the youngest goes, which
    # works until 127 s; at 135 s the next two.
    assert outcome.pod_hours * 3600 == pytest.approx(600 + (127 - 15) + 2 * (135 - 15))
    assert (outcome.scalings, outcome.cut) == (3, 0)


def test_what_does_not_end_in_its_grace_is_cut_off_and_begins_anew() -> None:
    # The second begins at 27 s in a pod of its own. The first ends at 40 s; at 45 s it is the youngest pod that goes.
    jobs = [Job(10, 30), Job(10, 100)]
    patient = day(KEDA, jobs, Shape(concurrency=1, grace_s=120))
    hasty = day(KEDA, jobs, Shape(concurrency=1, grace_s=20))
    assert patient.cut == 0
    assert hasty.cut == 1
    assert hasty.ended == patient.ended == 2
    assert waits(hasty) == waits(patient) == [0, 17]


def test_running_jobs_that_are_not_counted_lose_their_pods() -> None:
    jobs = [Job(10, 100)] * 4
    assert day(KEDA, jobs).cut == 0
    assert day(JobsScaler(jobs_per_replica=1, most=4, down=AT_ONCE, count_active=False), jobs).cut > 0


def test_from_zero_pods_and_back() -> None:
    outcome = day(JobsScaler(least=0, jobs_per_replica=4, cooldown_s=60), [Job(20, 1)])
    assert waits(outcome) == [30 - 20 + 12]
    # Created at 30 s; seen active until 30 s, so that the look at 90 s ends it: the job is long done.
    assert outcome.pod_hours * 3600 == pytest.approx(60)


def test_the_processor_scales_what_uses_it_and_nothing_else() -> None:
    jobs = [Job(float(at), 20) for at in range(0, 600, 4)]
    busy = day(CpuScaler(cores_per_slot=1), jobs, until_s=DAY_S / 24)
    waiting = day(CpuScaler(cores_per_slot=0.05), jobs, until_s=DAY_S / 24)
    assert busy.most_pods == 10
    assert waiting.most_pods == 1
    assert max(waits(waiting)) > 10 * max(waits(busy))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("scaler", [KEDA, FixedNumber(replicas=1), CpuScaler(cores_per_slot=0.2)])
def test_no_job_is_lost_and_the_day_ends_with_the_load(scaler: Scaler, seed: int) -> None:
    plan = Plan(
        service=Service(mean_s=5, sigma=1),
        files_per_s=0.05,
        jobs_per_file=3,
        bursts_per_hour=2,
        jobs_per_burst=30,
        batch_jobs=200,
    )
    jobs = make_jobs(plan, seed)
    outcome = simulate(scaler, jobs, Shape(grace_s=3))
    assert outcome.ended == len(outcome.waits) == len(jobs)
    assert sorted(job for job, _ in outcome.waits) == sorted(jobs)
    assert min(wait for _, wait in outcome.waits) >= 0


def test_jobs_that_nobody_takes_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="1 of 1 jobs are left"):
        # The HPA goes on deciding for ever, and leaves alone what has no pod.
        simulate(JobsScaler(least=0, jobs_per_replica=1, polling_s=10 * DAY_S), [Job(1, 1)])
