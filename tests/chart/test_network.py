from __future__ import annotations

from typing import Any

from tests.chart.rendering import Object, render

DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}


def policy(component: str, case: str = "", values: str = "{}") -> Object:
    (found,) = [
        thing["spec"]
        for thing in render(case, values).of("NetworkPolicy").values()
        if thing["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
    ]
    return dict(found)


def components(peers: list[dict[str, Any]]) -> set[str]:
    return {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in peers if "podSelector" in peer
    }


def test_every_pod_has_one_that_closes_both_ways() -> None:
    for case in ("", "keda", "full", "production"):
        rendered = render(case)
        closed = {
            thing["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: thing["spec"]["policyTypes"]
            for thing in rendered.of("NetworkPolicy").values()
        }
        assert set(closed) == {pod.labels["app.kubernetes.io/component"] for pod in rendered.pods()}
        assert all(types == ["Ingress", "Egress"] for types in closed.values())
    assert not render("minimal").of("NetworkPolicy")


def test_nobody_reaches_a_worker() -> None:
    assert policy("worker-analysis")["ingress"] == []
    assert policy("test")["ingress"] == []


def test_a_worker_reaches_dns_redis_and_the_collector() -> None:
    dns, redis, collector = policy("worker-analysis")["egress"]
    assert dns == DNS
    assert (components(redis["to"]), redis["ports"]) == ({"redis"}, [{"port": 6379}])
    assert (components(collector["to"]), collector["ports"]) == ({"otel-collector"}, [{"port": 4317}, {"port": 4318}])
    assert policy("api")["egress"] == policy("worker-analysis")["egress"]


def test_a_worker_reaches_what_is_elsewhere_where_it_is() -> None:
    dns, redis, collector = policy("worker-analysis", "external-redis")["egress"]
    assert dns == DNS
    assert redis == {"ports": [{"port": 6380}], "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}
    assert collector["ports"] == [{"port": 4317}]
    assert len(collector["to"]) == 1
    more = policy("worker-analysis", "full")["egress"][-1]
    assert more == {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 5432}]}


def test_a_port_that_the_endpoint_does_not_name_is_its_scheme_s() -> None:
    for endpoint, port in (
        ("https://otlp.example.com/v1", 443),
        ("http://collector", 80),
        ("http://collector:4318", 4318),
    ):
        values = f"otel.endpoint: {endpoint}"
        assert policy("api", values=values)["egress"][-1] == {"ports": [{"port": port}]}


def test_redis_is_reached_by_the_application_alone() -> None:
    (rule,) = policy("redis")["ingress"]
    assert components(rule["from"]) == {"api", "worker-analysis", "worker-maintenance", "worker-reports"}
    assert len(rule["from"]) == 4
    assert rule["ports"] == [{"port": "redis"}]
    assert policy("redis")["egress"] == []


def test_redis_is_reached_by_keda_where_it_scales() -> None:
    (rule,) = policy("redis", "keda")["ingress"]
    assert rule["from"][-1] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}


def test_who_reaches_the_api_can_be_said() -> None:
    assert policy("api")["ingress"] == [{"ports": [{"port": "http"}]}]
    (rule,) = policy("api", "external-redis")["ingress"]
    assert rule["from"][0] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    # `helm test` still does.
    assert components(rule["from"]) == {"test"}


def test_who_scrapes_and_looks_can_be_said() -> None:
    monitoring = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert policy("otel-collector")["ingress"][1] == {"ports": [{"port": "metrics"}, {"port": "own-metrics"}]}
    assert policy("otel-collector", "full")["ingress"][1]["from"] == monitoring
    assert [rule["ports"] for rule in policy("jaeger")["ingress"]] == [
        [{"port": "otlp-grpc"}],
        [{"port": "own-metrics"}],
    ]
    assert policy("jaeger", "full")["ingress"][2]["ports"] == [{"port": "page"}]
    assert components(policy("jaeger")["ingress"][0]["from"]) == {"otel-collector"}


def test_a_collector_that_hands_on_elsewhere_is_let_out() -> None:
    assert len(policy("otel-collector")["egress"]) == 2
    assert policy("otel-collector", "full")["egress"][-1] == {"to": []}
