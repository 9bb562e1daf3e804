"""What is measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.plan import GROUPS, Plan, quick_plan
from benchmarks.comparison.variants import VARIANTS

ROOT = Path(__file__).parents[4]


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def test_all_groups_are_measured() -> None:
    plan = Plan(variants=["ours"])
    assert {step.group for step in plan.steps} == set(GROUPS)
    assert len(set(names(plan))) == len(plan.steps)


def test_the_rate_is_measured_before_the_loads_that_are_parts_of_it() -> None:
    assert names(Plan(variants=["ours"], groups=["latency"])) == ["drain-50", "latency-10", "latency-50"]
    steps = names(Plan(variants=["ours"]))
    assert steps.index("drain-50") < steps.index("latency-10")


def test_large_payloads_come_in_fewer_jobs() -> None:
    steps = Plan(variants=["ours"], groups=["payload"], jobs=20_000).steps
    assert [(step.payload, step.jobs) for step in steps] == [
        (100, 10_000),
        (1000, 10_000),
        (10_000, 10_000),
        (100_000, 2000),
    ]


def test_a_worker_has_the_time_to_drain_all_that_waits() -> None:
    steps = Plan(variants=["ours"], groups=["waiting"], waiting=(1000, 1_000_000)).steps
    assert [(step.waiting, step.limit_s) for step in steps] == [(1000, 5.0), (1_000_000, 50.0)]


def test_more_workers_have_more_jobs() -> None:
    steps = Plan(variants=["ours"], groups=["workers"], jobs=1000).steps
    assert [(step.workers, step.jobs) for step in steps] == [(1, 1000), (2, 2000), (4, 4000)]


def test_a_quick_look_leaves_out_what_grows() -> None:
    groups = {step.group for step in quick_plan(["ours"], GROUPS, 1000, 3, 2.0).steps}
    assert groups == set(GROUPS) - {"waiting", "payload", "workers"}
    assert "round-trip-polled" not in names(quick_plan(["ours"], GROUPS, 1000, 3, 2.0))


def test_each_variant_has_an_adapter_and_locked_requirements() -> None:
    for variant in VARIANTS.values():
        assert (ROOT / "benchmarks" / "peers" / f"{variant.module}_peer.py").exists()
        if variant.own_environment:
            locked = (ROOT / "requirements" / "bench" / f"{variant.module}.txt").read_text()
            assert "--hash=sha256:" in locked
            assert "index-url" not in locked
            assert "://" not in locked
