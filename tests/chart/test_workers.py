from __future__ import annotations

import pytest

from tests.chart.rendering import Rendered, render

LIVES = ["python", "-m", "litestar_saq.health", "/tmp/workers"]


def test_there_is_a_deployment_for_each_group() -> None:
    rendered = render()
    assert set(rendered.of("Deployment")) == {
        "reports-api",
        "reports-jaeger",
        "reports-otel-collector",
        *(f"reports-worker-{queue}" for queue in ("analysis", "maintenance", "reports")),
    }
    for queue in ("analysis", "maintenance", "reports"):
        assert rendered.pod(f"worker-{queue}").container["command"] == ["litestar", "workers", "run", "--queues", queue]


def test_a_group_can_work_on_several_queues() -> None:
    pod = render("keda").pod("worker-small")
    assert pod.container["command"] == ["litestar", "workers", "run", "--queues", "reports", "--queues", "maintenance"]
    assert pod.environment["REPORTS_CONCURRENCY"] == pod.environment["MAINTENANCE_CONCURRENCY"] == "4"


def test_a_group_is_left_out() -> None:
    assert not {"reports-worker-reports", "reports-worker-maintenance"} & set(render("keda").of("Deployment"))
    assert "reports-worker-reports" not in render(values="workers.reports: null").of("Deployment")


def test_a_group_s_values_are_merged_over_the_defaults() -> None:
    values = "{workerDefaults.resources.requests: {cpu: 1, memory: 1Gi}, workers.reports.resources.requests.cpu: 2}"
    pod = render(values=values).pod("worker-reports")
    assert pod.container["resources"] == {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"memory": "512Mi"}}


@pytest.mark.parametrize("grace", [0, 20, 3600])
def test_a_pod_has_its_jobs_grace_and_15_s_to_end(grace: int) -> None:
    pod = render(values=f"workers.analysis.graceSeconds: {grace}").pod("worker-analysis")
    assert pod.environment["SHUTDOWN_GRACE_S"] == str(grace)
    assert pod.spec["terminationGracePeriodSeconds"] == grace + 15
    # A process 1 without handlers would not hear SIGTERM while Python starts.
    assert pod.spec["shareProcessNamespace"] is True


def test_probes_ask_the_worker_itself_and_liveness_not_the_broker() -> None:
    container = render().pod("worker-analysis").container
    assert container["livenessProbe"]["exec"]["command"] == LIVES
    assert container["startupProbe"]["exec"]["command"] == LIVES
    assert container["readinessProbe"]["exec"]["command"] == [*LIVES, "--ready"]
    settings = render().one("ConfigMap", "reports-settings")["data"]
    assert settings["HEALTH_DIR"] == LIVES[-1]


def test_times_of_a_probe_can_be_set_for_a_group() -> None:
    probe = render(values="workers.analysis.probes.liveness.periodSeconds: 60").pod("worker-analysis").container
    assert probe["livenessProbe"]["periodSeconds"] == 60
    assert probe["livenessProbe"]["failureThreshold"] == 3


def scaled(rendered: Rendered) -> set[str]:
    return {
        *(thing["spec"]["scaleTargetRef"]["name"] for thing in rendered.of("HorizontalPodAutoscaler").values()),
        *(thing["spec"]["scaleTargetRef"]["name"] for thing in rendered.of("ScaledObject").values()),
    }


@pytest.mark.parametrize("case", ["", "hpa", "keda", "full", "production"])
def test_replicas_are_told_only_where_nothing_else_scales(case: str) -> None:
    rendered = render(case)
    for name, deployment in rendered.of("Deployment").items():
        assert ("replicas" in deployment["spec"]) == (name not in scaled(rendered)), name


def test_the_hpa_scales_by_cpu_and_slowly_down() -> None:
    spec = render("hpa").one("HorizontalPodAutoscaler", "reports-worker-analysis")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "reports-worker-analysis"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert "reports-worker-maintenance" not in render("hpa").of("HorizontalPodAutoscaler")


def test_keda_counts_what_waits_and_what_runs_over_all_queues() -> None:
    spec = render("keda").one("ScaledObject", "reports-worker-small")["spec"]
    lists = {trigger["name"]: trigger["metadata"]["listName"] for trigger in spec["triggers"]}
    assert lists == {
        "q0_queued": "saq:reports:queued",
        "q0_active": "saq:reports:active",
        "q1_queued": "saq:maintenance:queued",
        "q1_active": "saq:maintenance:active",
    }
    modifiers = spec["advanced"]["scalingModifiers"]
    assert modifiers["formula"].split(" + ") == list(lists)
    assert modifiers["metricType"] == "AverageValue"
    # What a pod runs at once, unless told.
    assert modifiers["target"] == "4"
    assert spec["minReplicaCount"] == 1


def test_keda_s_settings() -> None:
    spec = render("keda").one("ScaledObject", "reports-worker-analysis")["spec"]
    assert spec["scaleTargetRef"] == {"name": "reports-worker-analysis"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["pollingInterval"]) == (2, 20, 5)
    assert spec["advanced"]["scalingModifiers"]["target"] == "8"
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 4, "behavior": "currentReplicasIfHigher"}
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


def test_keda_authenticates_by_a_secret_and_asks_by_a_name_of_any_namespace() -> None:
    rendered = render("keda")
    for trigger in rendered.one("ScaledObject", "reports-worker-analysis")["spec"]["triggers"]:
        assert trigger["authenticationRef"] == {"name": "reports-redis"}
        assert trigger["metadata"]["address"] == "reports-redis.csv:6379"
        assert not {"password", "passwordFromEnv"} & set(trigger["metadata"])
    assert rendered.one("TriggerAuthentication", "reports-redis")["spec"]["secretTargetRef"] == [
        {"parameter": "password", "name": "broker", "key": "redis-password"}
    ]


def test_keda_reaches_an_external_redis_by_tls() -> None:
    rendered = render("external-redis")
    metadata = rendered.one("ScaledObject", "reports-worker-analysis")["spec"]["triggers"][0]["metadata"]
    told = {name: metadata[name] for name in ("address", "databaseIndex", "enableTLS", "username")}
    assert told == {"address": "redis.internal:6380", "databaseIndex": "3", "enableTLS": "true", "username": "reports"}
    assert rendered.one("TriggerAuthentication", "reports-redis")["spec"]["secretTargetRef"] == [
        {"parameter": "password", "name": "redis-login", "key": "secret"},
        {"parameter": "ca", "name": "redis-ca", "key": "ca.crt"},
    ]


def test_several_pods_have_a_budget_and_one_has_none() -> None:
    assert set(render().of("PodDisruptionBudget")) == {"reports-api", "reports-worker-analysis"}
    assert set(render("minimal").of("PodDisruptionBudget")) == set()
    assert set(render("keda").of("PodDisruptionBudget")) == {
        "reports-api",
        "reports-worker-analysis",
        "reports-worker-small",
    }
    full = render("full").of("PodDisruptionBudget")
    assert full["everything-worker-analysis"]["spec"]["maxUnavailable"] == "20%"
    switched = render(values="workers.analysis.podDisruptionBudget.enabled: false")
    assert "reports-worker-analysis" not in switched.of("PodDisruptionBudget")


def test_pods_are_spread_over_nodes_and_zones_where_that_can_be_had() -> None:
    for component in ("api", "worker-analysis"):
        pod = render().pod(component)
        constraints = pod.spec["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in constraints] == [
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
        ]
        for each in constraints:
            assert each["whenUnsatisfiable"] == "ScheduleAnyway"
            assert set(each["labelSelector"]["matchLabels"].items()) <= set(pod.labels.items())
    own = render("full").pod("worker-analysis").spec["topologySpreadConstraints"]
    assert [each["maxSkew"] for each in own] == [2]


def test_a_strategy_has_only_what_its_type_takes() -> None:
    assert render("full").pod("worker-maintenance").owner["spec"]["strategy"] == {"type": "Recreate"}
    strategy = render("full").pod("worker-analysis").owner["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}}
