"""The cluster is one: what the chart's tests take for granted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until

IN_SMOKE = "--namespace=smoke"


@pytest.fixture(scope="module")
def smoke(cluster: Cluster) -> Iterator[Cluster]:
    """A namespace that enforces the restricted pod security, with a deployment and a stateful set."""
    cluster.load_image("redis:8")
    cluster.kubectl("apply", f"--filename={Path(__file__).with_name('smoke.yaml')}")
    yield cluster
    cluster.kubectl("delete", "namespace", "smoke", "--ignore-not-found")


def test_every_node_is_ready(cluster: Cluster) -> None:
    assert "met" in cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all")


def test_a_deployment_becomes_available(smoke: Cluster) -> None:
    smoke.kubectl(IN_SMOKE, "wait", "--for=condition=Available", "--timeout=90s", "deployment/redis")
    assert smoke.kubectl(IN_SMOKE, "get", "deployment/redis", "--output=jsonpath={.status.availableReplicas}") == "2"


@pytest.mark.parametrize("name", ["redis", "redis.smoke.svc.cluster.local"])
def test_a_pod_reaches_a_service_by_its_name(smoke: Cluster, name: str) -> None:
    smoke.kubectl(IN_SMOKE, "wait", "--for=condition=Available", "--timeout=90s", "deployment/redis")
    ping = ("exec", "deployment/redis", "--", "redis-cli", "-h", name, "ping")
    assert until(lambda: smoke.kubectl(IN_SMOKE, *ping), f"an answer of {name}", 30) == "PONG\n"


def test_a_stateful_set_keeps_its_data(smoke: Cluster) -> None:
    ready = ("wait", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=90s", "statefulset/stored")
    redis = ("exec", "stored-0", "--", "redis-cli")
    smoke.kubectl(IN_SMOKE, *ready)
    assert smoke.kubectl(IN_SMOKE, *redis, "set", "key", "kept") == "OK\n"
    smoke.kubectl(IN_SMOKE, "delete", "pod", "stored-0")
    smoke.kubectl(IN_SMOKE, *ready)
    assert until(lambda: smoke.kubectl(IN_SMOKE, *redis, "get", "key"), "the pod", 30) == "kept\n"


def test_an_autoscaler_has_figures(smoke: Cluster) -> None:
    smoke.kubectl(IN_SMOKE, "wait", "--for=condition=ScalingActive", "--timeout=120s", "horizontalpodautoscaler/redis")


def test_a_pod_that_is_not_restricted_is_refused(smoke: Cluster) -> None:
    with pytest.raises(AssertionError, match='violates PodSecurity "restricted'):
        smoke.kubectl(IN_SMOKE, "run", "root", "--image=redis:8")


def test_helm_reaches_the_cluster(cluster: Cluster) -> None:
    assert cluster.helm("list", "--all-namespaces", "--short") == ""


def test_deleting_leaves_nothing(smoke: Cluster) -> None:
    smoke.kubectl("delete", "namespace", "smoke")
    for kind in ("pods", "persistentvolumeclaims", "services"):
        assert smoke.kubectl(IN_SMOKE, "get", kind, "--output=name") == ""
