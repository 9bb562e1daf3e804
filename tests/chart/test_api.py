from __future__ import annotations

from typing import Any

from tests.chart.rendering import render


def settings(case: str = "", values: str = "{}", name: str = "reports") -> dict[str, Any]:
    return dict(render(case, values).one("ConfigMap", f"{name}-settings")["data"])


def test_it_serves_until_no_proxy_sends_to_it() -> None:
    pod = render().pod("api")
    assert pod.container["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod.spec["terminationGracePeriodSeconds"] == 5 + 15 + 5
    assert "lifecycle" not in render("full").pod("api").container


def test_probes() -> None:
    container = render().pod("api").container
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    # Only a pod that is not ready may be told by the broker: a restart does not bring that back.
    assert paths == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}


def test_the_hpa() -> None:
    spec = render("hpa").one("HorizontalPodAutoscaler", "reports-api")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 60


def test_the_ingress() -> None:
    ingress = render("full").one("Ingress", "everything-api")
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["reports.example.com", "csv.example.com"]
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "everything-api", "port": {"name": "http"}}
    assert "everything-api" in render("full").of("Service")


def test_the_route() -> None:
    spec = render("full").one("HTTPRoute", "everything-api")["spec"]
    assert spec["parentRefs"] == [{"name": "gateway", "namespace": "gateways", "sectionName": "https"}]
    assert spec["rules"] == [{"backendRefs": [{"name": "everything-api", "port": 8080}]}]
    assert render("full").one("Service", "everything-api")["spec"]["ports"][0]["port"] == 8080


def test_numbers_of_settings_are_whole() -> None:
    assert settings("full", name="everything")["MAX_UPLOAD_BYTES"] == "104857600"
    assert settings()["MAX_UPLOAD_BYTES"] == "20971520"
    assert settings(values="app.maxUploadBytes: 268435456")["MAX_UPLOAD_BYTES"] == "268435456"


def test_traces_are_linked_where_the_chart_has_jaeger() -> None:
    assert settings()["TRACE_URL"] == "http://127.0.0.1:16686/trace/{trace_id}"
    assert "TRACE_URL" not in settings("production")
    assert settings("full", name="everything")["TRACE_URL"] == "https://jaeger.example.com/trace/{trace_id}"


def test_telemetry_goes_to_the_chart_s_collector_or_one_s_own() -> None:
    assert settings()["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://reports-otel-collector:4318"
    assert settings(values="otel.protocol: grpc")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://reports-otel-collector:4317"
    own = settings("external-redis")
    assert own["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://collector.observability:4317"
    assert own["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
    assert "reports-otel-collector" not in render("external-redis").of("Deployment")
    header = next(
        variable
        for variable in render("external-redis").pod("worker-reports").container["env"]
        if variable["name"] == "OTEL_EXPORTER_OTLP_HEADERS"
    )
    assert header["valueFrom"] == {"secretKeyRef": {"name": "otlp-headers", "key": "headers"}}


def test_without_telemetry_nothing_of_it_is_there() -> None:
    assert not [name for name in settings("minimal") if name.startswith("OTEL_")]
    assert not [name for name in render("minimal").pod("api").environment if name.startswith("OTEL_")]
    assert set(render("minimal").of("Service")) == {"reports-api", "reports-redis"}


def test_pods_say_which_they_are_in_what_they_tell() -> None:
    environment = render().pod("worker-analysis").environment
    assert list(environment).index("POD_NAME") < list(environment).index("OTEL_RESOURCE_ATTRIBUTES")
    assert environment["OTEL_RESOURCE_ATTRIBUTES"] == (
        "service.namespace=reference,k8s.namespace.name=csv,k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)"
    )


def test_extra_objects_may_use_values() -> None:
    rendered = render("full")
    assert rendered.one("ConfigMap", "reports-extra")["data"] == {"replicas": "3"}
    assert rendered.one("ConfigMap", "extra-text")


def test_the_test_sends_a_file_and_leaves_nothing_behind() -> None:
    pod = render().pod("test")
    assert pod.container["command"] == ["python", "-m", "reference_app.check", "http://reports-api:80"]
    assert pod.annotations["helm.sh/hook"] == "test"
    assert pod.annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    assert pod.spec["restartPolicy"] == "Never"
