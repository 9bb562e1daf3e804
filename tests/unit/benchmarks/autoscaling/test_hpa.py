"""The HPA's decisions: cases that can be worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.autoscaling.hpa import DEFAULT_DOWN, DEFAULT_UP, Hpa, Policy, Rules, replicas_for_cpu, replicas_for_jobs

ONE_A_MINUTE = Rules(window_s=0, policies=(Policy(period_s=60, pods=1),))


@pytest.mark.parametrize(
    ("jobs", "replicas", "expected"),
    [
        (0, 1, 0),
        (4, 1, 1),
        (9, 2, 3),
        (40, 1, 10),
        # A tenth from the target is near enough, in both directions.
        (44, 10, 10),
        (36, 10, 10),
        (45, 10, 12),
        (35, 10, 9),
    ],
)
def test_replicas_for_jobs(jobs: float, replicas: int, expected: int) -> None:
    assert replicas_for_jobs(jobs, 4, replicas) == expected


@pytest.mark.parametrize(
    ("used", "unready", "expected"),
    [
        # Kubernetes' own example: 50 replicas at 90 % with 75 % as the target are 60.
        ([0.9] * 50, 0, 60),
        ([0.75, 0.8], 0, 2),
        ([0.2, 0.2, 0.2, 0.2], 0, 2),
        # Nothing is measured: nothing is done.
        ([], 3, 3),
        # One at 150 % asks for two; with another on its way, which counts as idle, that is what there is.
        ([1.5], 1, 2),
        # At 400 % it is not enough: (4 + 0) / 2 / 0.75 is 2.67 of 2 replicas.
        ([4.0], 1, 6),
        # To shrink, those that are not ready do not count.
        ([0.3, 0.3], 1, 1),
    ],
)
def test_replicas_for_cpu(used: list[float], unready: int, expected: int) -> None:
    assert replicas_for_cpu(used, unready, 0.75) == expected


def test_growth_is_by_four_or_to_the_double_by_default() -> None:
    hpa = Hpa(1, 100)
    replicas, grown = 1, []
    for turn in range(5):
        replicas = hpa.decide(15.0 * turn, replicas, 100)
        grown.append(replicas)
    assert grown == [5, 10, 20, 40, 80]


def test_several_decisions_in_a_period_share_its_limit() -> None:
    hpa = Hpa(1, 100)
    assert hpa.decide(0, 1, 3) == 3
    assert hpa.decide(5, 3, 100) == 5  # it began with 1, and 4 more are let in
    assert hpa.decide(10, 5, 100) == 5
    assert hpa.decide(15, 5, 100) == 7  # the first 2 are of the period before


def test_shrinking_waits_for_the_window_and_goes_to_its_greatest() -> None:
    hpa = Hpa(1, 10, up=DEFAULT_UP, down=DEFAULT_DOWN)
    assert hpa.decide(0, 8, 8) == 8
    assert hpa.decide(150, 8, 3) == 8
    assert hpa.decide(299, 8, 1) == 8
    assert hpa.decide(300, 8, 1) == 3
    assert hpa.decide(450, 3, 1) == 1


def test_one_pod_a_minute() -> None:
    hpa = Hpa(1, 10, down=ONE_A_MINUTE)
    replicas, seen = 4, []
    for turn in range(9):
        replicas = hpa.decide(15.0 * turn, replicas, 1)
        seen.append(replicas)
    assert seen == [3, 3, 3, 3, 2, 2, 2, 2, 1]


def test_least_and_most_hold() -> None:
    hpa = Hpa(2, 3, down=ONE_A_MINUTE)
    assert hpa.decide(0, 2, 0) == 2
    assert hpa.decide(15, 2, 50) == 3
