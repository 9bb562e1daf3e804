"""What holds of all objects, whatever the values."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest

from tests.chart.rendering import CASES, CHART, Rendered, helm, render

NAMES = ["", *(path.stem for path in CASES)]
OTHERS = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication", "HTTPRoute"}
"""Kinds that are not Kubernetes' own; the tests on a cluster hold them against their definitions."""


@pytest.fixture(params=NAMES, ids=lambda name: name or "defaults")
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return render(request.param)


@pytest.mark.parametrize("path", [None, *CASES], ids=lambda path: path.stem if path else "defaults")
def test_helm_finds_no_fault(path: Path | None) -> None:
    helm("lint", "--strict", "--quiet", str(CHART), *(["--values", str(path)] if path else []))


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_object_is_what_kubernetes_takes(rendered: Rendered, version: str) -> None:
    own = [thing for thing in rendered.objects if thing["kind"] not in OTHERS]
    assert own
    for thing in own:
        kubernetes_validate.validate(thing, version, strict=True)


def test_no_object_is_there_twice(rendered: Rendered) -> None:
    names = [(thing["kind"], thing["metadata"]["name"]) for thing in rendered.objects]
    assert len(set(names)) == len(names)


def test_every_object_is_in_the_release_s_namespace(rendered: Rendered) -> None:
    extra = {"reports-extra", "extra-text"}
    for thing in rendered.objects:
        if thing["metadata"]["name"] not in extra:
            assert thing["metadata"]["namespace"] == "csv", thing["metadata"]
            assert thing["metadata"]["labels"]["app.kubernetes.io/instance"] == "reports"


def test_every_pod_meets_the_restricted_level(rendered: Rendered) -> None:
    for pod in rendered.pods():
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 999
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod.spec["containers"], *pod.spec.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
        volumes = {next(iter(set(volume) - {"name"})) for volume in pod.spec.get("volumes", [])}
        assert volumes <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)


def test_no_pod_has_a_token(rendered: Rendered) -> None:
    for pod in rendered.pods():
        assert pod.spec["automountServiceAccountToken"] is False
    for account in rendered.of("ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False


def test_every_pod_asks_for_something_and_has_a_limit_of_memory(rendered: Rendered) -> None:
    for pod in rendered.pods():
        resources = pod.container["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert "memory" in resources["limits"]


def test_no_image_is_the_latest(rendered: Rendered) -> None:
    for pod in rendered.pods():
        image = pod.container["image"]
        assert re.search(r"(:[^:/]+|@sha256:[0-9a-f]{64})$", image), image
        assert not image.endswith(":latest")


def test_what_selects_pods_selects_some(rendered: Rendered) -> None:
    pods = [set(pod.labels.items()) for pod in rendered.pods()]
    selectors = [
        *(service["spec"]["selector"] for service in rendered.of("Service").values()),
        *(thing["spec"]["selector"]["matchLabels"] for thing in rendered.of("PodDisruptionBudget").values()),
        *(thing["spec"]["podSelector"]["matchLabels"] for thing in rendered.of("NetworkPolicy").values()),
        *(thing["spec"]["selector"]["matchLabels"] for thing in rendered.of("PodMonitor").values()),
        *(pod.owner["spec"]["selector"]["matchLabels"] for pod in rendered.pods() if pod.owner["kind"] != "Pod"),
    ]
    for selector in selectors:
        assert len([labels for labels in pods if set(selector.items()) <= labels]) == 1, selector


def test_a_service_s_ports_are_the_container_s(rendered: Rendered) -> None:
    for service in rendered.of("Service").values():
        pod = rendered.pod(service["spec"]["selector"]["app.kubernetes.io/component"])
        named = {port["name"] for port in pod.container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_what_a_pod_mounts_is_there(rendered: Rendered) -> None:
    maps, secrets = set(rendered.of("ConfigMap")), set(rendered.of("Secret"))
    given = {"broker", "more", "redis-ca", "redis-login", "reports-redis"}
    for pod in rendered.pods():
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        claimed = {claim["metadata"]["name"] for claim in pod.owner["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in pod.container.get("volumeMounts", [])} <= set(volumes) | claimed
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets | given
        for source in pod.container.get("envFrom", []):
            assert source.get("configMapRef", {}).get("name", next(iter(maps))) in maps


def test_new_settings_make_new_pods() -> None:
    def checksums(values: str) -> dict[str, dict[str, str]]:
        return {
            pod.labels["app.kubernetes.io/component"]: {
                name: value for name, value in pod.annotations.items() if name.startswith("checksum/")
            }
            for pod in render("keda", values).pods()
        }

    before = checksums("{}")
    changes = {
        "app.logLevel: DEBUG": {"api", "worker-analysis", "worker-small"},
        "redis.maxmemory: 100mb": {"redis"},
        "otel.collector.config: {extensions: {health_check: {path: /up}}}": {"otel-collector"},
        "redis.secretKey: other": {"api", "redis", "worker-analysis", "worker-small"},
    }
    for values, changed in changes.items():
        after = checksums(values)
        assert {component for component in before if before[component] != after[component]} == changed, values


def test_a_new_version_of_the_chart_alone_makes_no_new_pods() -> None:
    for pod in render().pods():
        if pod.owner["kind"] != "Pod":
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(pod.labels)
