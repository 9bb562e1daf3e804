"""Each mistake that is planted in a copy of the chart fails the tests, and the one that is named with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chart.rendering import REPOSITORY

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Mistake:
    """A mistake, in a file that has `old` at least once."""

    found_by: str
    """The file of tests and the test that fail."""
    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return re.sub(r"\W+", "-", f"{Path(self.path).name} {self.old[:40]} {self.new[:30]}").strip("-")


POD, DEPLOYMENT = "helm/templates/_pod.tpl", "helm/templates/worker/deployment.yaml"
SCALED, SCHEMA = "helm/templates/worker/scaledobject.yaml", "helm/values.schema.json"
STATEFUL, NETWORK = "helm/templates/redis/statefulset.yaml", "helm/templates/_network.tpl"

MISTAKES = [
    # Kubernetes' own kinds
    Mistake("test_objects::test_every_object_is", DEPLOYMENT, "terminationGracePeriodSeconds:", "terminationGrace:"),
    Mistake("test_objects::test_every_object_is", DEPLOYMENT, "replicas: {{ $group.replicas }}", 'replicas: "one"'),
    Mistake("test_objects::test_every_object_is", "helm/templates/_pdb.tpl", "policy/v1", "policy/v2"),
    Mistake("test_objects::test_helm_finds", "helm/Chart.yaml", "apiVersion: v2", "apiVersion: v7"),
    Mistake("test_objects::test_helm_finds", DEPLOYMENT, "{{- range $name, $group :=", "{{- range $name, $grup :="),
    Mistake(
        "test_objects::test_what_selects", "helm/templates/api/service.yaml", '"component" "api"', '"component" "web"'
    ),
    Mistake(
        "test_objects::test_a_service_s_ports",
        "helm/templates/redis/service.yaml",
        "targetPort: redis",
        "targetPort: db",
    ),
    Mistake("test_objects::test_what_a_pod_mounts", POD, "- name: tmp\n  emptyDir", "- name: temp\n  emptyDir"),
    Mistake("test_objects::test_every_object_is_in", "helm/templates/_names.tpl", "namespace: {{ .root", "# {{ .root"),
    # how pods are confined
    Mistake("test_objects::test_every_pod_meets", POD, "runAsNonRoot: true", "runAsNonRoot: false"),
    Mistake("test_objects::test_every_pod_meets", POD, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    Mistake(
        "test_objects::test_every_pod_meets", POD, "capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}"
    ),
    Mistake("test_objects::test_every_pod_meets", POD, "type: RuntimeDefault", "type: Unconfined"),
    Mistake("test_objects::test_no_pod_has_a_token", POD, "automountServiceAccountToken: false", "hostIPC: false"),
    Mistake("test_objects::test_no_image_is_the_latest", "helm/values.yaml", "image: redis:8", "image: redis:latest"),
    Mistake("test_objects::test_every_pod_asks", "helm/values.yaml", "    limits: {memory: 512Mi}", "    limits: {}"),
    # workers
    Mistake("test_workers::test_a_pod_has", "helm/templates/_groups.tpl", "add (int .graceSeconds) 15", "add 0 30"),
    Mistake("test_workers::test_a_pod_has", DEPLOYMENT, "shareProcessNamespace: true", "shareProcessNamespace: false"),
    Mistake(
        "test_workers::test_probes_ask",
        DEPLOYMENT,
        "/tmp/workers]}\n            {{- toYaml $group.probes.liveness",
        "/tmp/workers, --ready]}\n            {{- toYaml $group.probes.liveness",
    ),
    Mistake(
        "test_workers::test_replicas_are_told",
        DEPLOYMENT,
        '{{- if eq $group.autoscaling.type "none" }}',
        "{{- if true }}",
    ),
    Mistake("test_workers::test_several_pods", "helm/templates/_pdb.tpl", '(include "chart.several" .values)', "true"),
    Mistake("test_workers::test_pods_are_spread", POD, "ScheduleAnyway", "DoNotSchedule"),
    Mistake("test_workers::test_there_is_a_deployment", "helm/values.yaml", "queues: [analysis]", "queues: [reports]"),
    Mistake("test_workers::test_keda_counts", SCALED, 'list "queued" "active"', 'list "queued"'),
    Mistake("test_workers::test_keda_counts", SCALED, 'join " + "', 'join " - "'),
    Mistake("test_workers::test_keda_authenticates", SCALED, "authenticationRef: {", "# {"),
    Mistake("test_workers::test_keda_authenticates", SCALED, "chart.redisAddressForAll", "chart.redisAddress"),
    Mistake("test_workers::test_keda_s_settings", SCALED, "currentReplicasIfHigher", "static"),
    # the API
    Mistake("test_api::test_it_serves_until", "helm/templates/_groups.tpl", "(int .preStopSeconds) ", ""),
    Mistake("test_api::test_probes", "helm/templates/api/deployment.yaml", "/health/live", "/health/ready"),
    Mistake(
        "test_api::test_numbers",
        "helm/templates/settings.yaml",
        "int64 .Values.app.maxUploadBytes",
        ".Values.app.maxUploadBytes",
    ),
    Mistake("test_api::test_the_test_sends", "helm/templates/tests/report.yaml", ",hook-succeeded", ""),
    # Redis
    Mistake("test_redis::test_the_chart_s_own", "helm/files/redis.conf", "noeviction", "allkeys-lru"),
    Mistake("test_redis::test_the_chart_s_own", "helm/files/redis.conf", "appendonly yes", "appendonly no"),
    Mistake("test_redis::test_its_volume", STATEFUL, '"Retain" "Delete"', '"Delete" "Retain"'),
    Mistake("test_redis::test_reading_a_large", STATEFUL, "failureThreshold: 300", "failureThreshold: 3"),
    Mistake(
        "test_redis::test_a_password_is_made_up",
        "helm/templates/redis/configmap.yaml",
        "  # What comes later holds.",
        '  requirepass {{ include "chart.redisPassword" . }}',
    ),
    Mistake(
        "test_redis::test_the_url_of_another",
        "helm/templates/_redis.tpl",
        'ternary "rediss" "redis"',
        'ternary "redis" "redis"',
    ),
    # networks
    Mistake(
        "test_network::test_nobody_reaches", "helm/templates/worker/networkpolicy.yaml", "ingress: []", "ingress: [{}]"
    ),
    Mistake("test_network::test_every_pod_has_one", NETWORK, "[Ingress, Egress]", "[Ingress]"),
    Mistake("test_network::test_a_worker_reaches", NETWORK, '{{- include "chart.dnsRule" . }}', ""),
    Mistake(
        "test_network::test_redis_is_reached", "helm/templates/redis/networkpolicy.yaml", "      from:\n", "      x:\n"
    ),
    # telemetry
    Mistake(
        "test_telemetry::test_what_prometheus",
        "helm/templates/monitoring/prometheusrule.yaml",
        "enabled $has",
        "enabled true",
    ),
    Mistake(
        "test_telemetry::test_monitors",
        "helm/templates/monitoring/servicemonitor.yaml",
        "honorLabels: true",
        "honorLabels: false",
    ),
    Mistake(
        "test_telemetry::test_the_collector_has",
        "helm/templates/otel/collector-configmap.yaml",
        "if not (include",
        "if (include",
    ),
    # what is accepted
    Mistake(
        "test_refused::test_it_is_refused", SCHEMA, '"additionalProperties": false', '"additionalProperties": true'
    ),
    Mistake("test_refused::test_it_is_refused", SCHEMA, '"minimum": 1', '"minimum": 0'),
    Mistake("test_refused::test_it_is_refused", SCHEMA, '"keda": false', '"keda": true'),
    Mistake(
        "test_refused::test_it_is_refused",
        "helm/templates/_groups.tpl",
        "{{- if not .group.queues }}",
        "{{- if false }}",
    ),
    # new settings
    Mistake("test_objects::test_new_settings", POD, "checksum/settings:", "note/settings:"),
    Mistake("test_objects::test_new_settings", STATEFUL, "checksum/password:", "note/password:"),
    Mistake(
        "test_objects::test_a_new_version",
        "helm/templates/worker/deployment.yaml",
        '"chart.podLabels"',
        '"chart.labels"',
    ),
    # what says the same twice
    Mistake("test_grace::test_the_jobs_grace", "helm/values.yaml", "  graceSeconds: 20", "  graceSeconds: 30"),
    Mistake("test_grace::test_what_a_worker_has", "compose.yaml", ":-20}s15s", ":-20}s10s"),
    Mistake("test_grace::test_the_images_are", "compose.yaml", "jaegertracing/jaeger:2", "jaegertracing/jaeger:3"),
    Mistake("test_documents::test_every_value", "helm/values.yaml", "## @param api.replicas How many", "## How many"),
    Mistake("test_documents::test_every_value", "helm/values.yaml", "preStopSeconds: 5", "preStopSeconds: 6"),
    Mistake("test_documents::test_the_readme_shows", "helm/ci/production.yaml", "port: 6380", "port: 6379"),
    Mistake("test_documents::test_the_chart_has", "helm/Chart.yaml", "appVersion: 0", "appVersion: 1"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found(mistake: Mistake, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "helm", tmp_path / "helm")
    for name in ("README.md", "compose.yaml", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    file = tmp_path / mistake.path
    text = file.read_text()
    assert mistake.old in text
    file.write_text(text.replace(mistake.old, mistake.new))

    module, _, test = mistake.found_by.partition("::")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"tests/chart/{module}.py",
    ]
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "CHART_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert ended.returncode == 1, ended.stdout
    failed = re.findall(r"^(?:FAILED|ERROR) tests/chart/\w+\.py::(\w+)", ended.stdout, re.MULTILINE)
    assert [name for name in failed if name.startswith(test)], f"{failed} failed, not {test}"
