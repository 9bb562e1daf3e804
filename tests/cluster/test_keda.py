"""KEDA scales in the cluster: what the chart's tests of autoscaling take for granted."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.cluster import Cluster
from tests.cluster.waiting import until

IN_EVENTS = "--namespace=events"


def test_a_list_in_redis_scales_a_deployment(keda: Cluster) -> None:
    keda.load_image("redis:8")
    keda.kubectl("apply", f"--filename={Path(__file__).with_name('events.yaml')}")

    def replicas() -> int:
        return int(keda.kubectl(IN_EVENTS, "get", "deployment/worker", "--output=jsonpath={.spec.replicas}"))

    def redis(*command: str) -> None:
        keda.kubectl(IN_EVENTS, "exec", "pod/redis", "--", "redis-cli", *command)

    try:
        keda.kubectl(IN_EVENTS, "wait", "--for=condition=Ready", "--timeout=60s", "pod/redis", "scaledobject/worker")
        assert replicas() == 0
        redis("rpush", "jobs", *"123456")
        until(lambda: replicas() == 3, "three workers for six jobs", 90)
        redis("del", "jobs")
        until(lambda: replicas() == 0, "no worker for no job", 90)
    finally:
        keda.kubectl("delete", "namespace", "events")
