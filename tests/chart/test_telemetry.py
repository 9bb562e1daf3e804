from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, MONITORING, render


def collector_config(case: str = "", values: str = "{}", name: str = "reports") -> dict[str, Any]:
    config = render(case, values).one("ConfigMap", f"{name}-otel-collector")["data"]["config.yaml"]
    return dict(yaml.safe_load(config))


def test_the_collector_has_the_configuration_of_compose() -> None:
    assert collector_config() == yaml.safe_load((CHART / "files" / "otel-collector.yaml").read_text())
    assert render().pod("otel-collector").environment["JAEGER_ENDPOINT"] == "reports-jaeger:4317"


def test_its_configuration_can_be_added_to() -> None:
    config = collector_config("full", name="everything")
    assert config["service"]["pipelines"]["traces/out"]["exporters"] == ["otlp_grpc/jaeger", "otlp_http/own"]
    assert config["exporters"]["otlp_http/own"] == {"endpoint": "${env:OWN_OTLP_ENDPOINT}"}
    assert render("full").pod("otel-collector").environment["OWN_OTLP_ENDPOINT"] == "https://otlp.example.com"


def test_without_jaeger_it_exports_nothing_there() -> None:
    config = collector_config(values="otel.jaeger.enabled: false")
    assert "otlp_grpc/jaeger" not in config["exporters"]
    assert config["service"]["pipelines"]["traces/out"]["exporters"] == ["debug"]
    assert "reports-jaeger" not in render(values="otel.jaeger.enabled: false").of("Deployment")


@pytest.mark.parametrize(
    ("limit", "expected"), [("200Mi", "160MiB"), ("2Gi", "1638MiB"), ("1000000000", "off"), (None, "off")]
)
def test_go_keeps_below_the_limit_of_memory(limit: str | None, expected: str) -> None:
    values = json.dumps({"otel.collector.resources": {"limits": {"memory": limit} if limit else None}})
    assert render(values=values).pod("otel-collector").environment["GOMEMLIMIT"] == expected


def test_jaeger_keeps_traces_in_memory_or_on_a_volume() -> None:
    assert "memory:" in render().one("ConfigMap", "reports-jaeger")["data"]["config.yaml"]
    assert not render().of("PersistentVolumeClaim")
    full = render("full")
    assert "badger:" in full.one("ConfigMap", "everything-jaeger")["data"]["config.yaml"]
    assert full.pod("jaeger").environment["JAEGER_TTL"] == "168h"
    (volume,) = [volume for volume in full.pod("jaeger").spec["volumes"] if volume["name"] == "data"]
    assert volume["persistentVolumeClaim"]["claimName"] in full.of("PersistentVolumeClaim")
    # Two pods can't have the volume at once.
    assert full.pod("jaeger").owner["spec"]["strategy"] == {"type": "Recreate"}


def test_what_prometheus_needs_is_there_where_the_cluster_has_its_kinds() -> None:
    kinds = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
    assert [len(render().of(kind)) for kind in kinds] == [1, 1, 1]
    without = render(kinds=())
    assert [len(without.of(kind)) for kind in kinds] == [0, 0, 0]
    assert "reports-dashboards" not in without.of("ConfigMap")
    switched = render(values="metrics.enabled: false")
    assert [len(switched.of(kind)) for kind in kinds] == [0, 0, 0]


def test_monitors_scrape_ports_that_are_there_as_the_rules_name_them() -> None:
    rendered = render("full")
    monitor = rendered.one("ServiceMonitor", "everything-otel-collector")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    ports = {port["name"] for port in rendered.one("Service", "everything-otel-collector")["spec"]["ports"]}
    endpoints = monitor["spec"]["endpoints"]
    assert {endpoint["port"] for endpoint in endpoints} <= ports
    assert endpoints[0]["honorLabels"] is True
    pods = rendered.one("PodMonitor", "everything-jaeger")["spec"]["podMetricsEndpoints"]
    jobs = [relabeling["replacement"] for endpoint in [*endpoints, *pods] for relabeling in endpoint["relabelings"]]
    rules = json.dumps(rendered.one("PrometheusRule", "everything-rules")["spec"])
    assert f'up{{job=~\\"{"|".join(jobs)}\\"}}' in rules
    assert {endpoint["interval"] for endpoint in [*endpoints, *pods]} == {"30s"}


def test_the_alerts_are_those_of_compose() -> None:
    groups = render().one("PrometheusRule", "reports-rules")["spec"]["groups"]
    assert groups == yaml.safe_load((CHART / "files" / "prometheus-rules.yaml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {"JobsWaitTooLong", "QueueWithoutWorker", "JobsFail", "CollectorDrops"} <= alerts


def test_the_dashboards_are_those_of_compose() -> None:
    dashboards = render().one("ConfigMap", "reports-dashboards")
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    files = {path.name: json.loads(path.read_text()) for path in (CHART / "files" / "dashboards").glob("*.json")}
    assert {name: json.loads(text) for name, text in dashboards["data"].items()} == files
    assert files


def test_kinds_are_asked_for_one_by_one() -> None:
    rendered = render(kinds=MONITORING[:2])
    assert rendered.of("ServiceMonitor")
    assert not rendered.of("PrometheusRule")
