"""The profiles `metrics` and `load`: Prometheus sees what the load does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ports import free_port
from tests.stack.deployment import Deployment

PROFILES = ("--profile", "load", "--profile", "metrics")
# Grafana itself is looked at by `docker compose config` alone where its image is not to be had.
SERVICES = ("load", "worker-load", "prometheus")


@pytest.fixture
def prometheus(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    port = free_port()
    monkeypatch.setenv("PROMETHEUS_PORT", str(port))
    monkeypatch.setenv("LOAD_RATE", "20")
    deployment.compose(*PROFILES, "up", "--detach", "--wait", *SERVICES)
    yield f"http://127.0.0.1:{port}"
    deployment.compose(*PROFILES, "rm", "--force", "--stop", *SERVICES)


def test_the_load_s_outcomes_are_in_prometheus(deployment: Deployment, prometheus: str) -> None:
    def outcomes() -> set[tuple[str, str]]:
        query = 'saq_job_outcomes_total{messaging_destination_name="load"}'
        answer = deployment.http.get(f"{prometheus}/api/v1/query", params={"query": query}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return {(one["metric"]["saq_job_function"], one["metric"]["saq_job_status"]) for one in found}

    wanted = {
        ("take_time", "complete"),
        ("fail_at_first", "retried"),
        ("fail_at_first", "complete"),
        ("fail", "retried"),
        ("fail", "failed"),
    }
    deployment.until(lambda: wanted <= outcomes(), f"{wanted} in Prometheus")
    alerts = deployment.http.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    assert {rule["health"] for group in alerts for rule in group["rules"]} <= {"ok", "unknown"}


def test_the_load_ends_in_order_and_says_what_it_sent(deployment: Deployment, prometheus: str) -> None:
    deployment.until(lambda: "sent so far" in deployment.compose("logs", "load"), "what was sent")
    deployment.compose("stop", "load", "worker-load")
    states = [one["State"] for service in ("load", "worker-load") for one in deployment.inspect(service)]
    assert {(state["Status"], state["ExitCode"]) for state in states} == {("exited", 0)}
    assert "Traceback (most recent call last)" not in deployment.compose("logs", "load")


def test_every_profile_is_a_configuration(deployment: Deployment) -> None:
    services = deployment.compose(*PROFILES, "config", "--services").split()
    assert {*SERVICES, "grafana"} <= set(services)


@pytest.mark.parametrize(
    "files", [("compose.yaml",), ("compose.yaml", "compose.dev.yaml")], ids=["deployment", "development"]
)
def test_no_image_is_built_by_two_services(deployment: Deployment, files: tuple[str, ...]) -> None:
    """Compose builds them at the same time, and fails where two give their image the same name."""
    options = [option for file in files for option in ("--file", file)]
    services = json.loads(deployment.compose(*options, *PROFILES, "config", "--format", "json"))["services"]
    built = [service["image"] for service in services.values() if "build" in service]
    assert built
    assert len(built) == len(set(built))
    # What is not built is not looked for in a registry either, where somebody else could have put it.
    for name, service in services.items():
        if service["image"] in built and "build" not in service:
            assert service["pull_policy"] == "never", name


def test_development_syncs_what_the_image_has(deployment: Deployment) -> None:
    files = ("--file", "compose.yaml", "--file", "compose.dev.yaml")
    services = json.loads(deployment.compose(*files, "config", "--format", "json"))["services"]
    watched = {name: service["develop"]["watch"] for name, service in services.items() if "develop" in service}
    assert watched.keys() == {"api", "worker-reports", "worker-analysis", "worker-maintenance"}
    synced = {rule["target"] for rules in watched.values() for rule in rules if rule["action"] == "sync+restart"}
    for target in synced:
        deployment.compose("exec", "-T", "api", "test", "-d", target)
    assert len(synced) == 2
