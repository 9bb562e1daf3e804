"""What reaches Jaeger and Prometheus of what the reference app tells the collector."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.integration.observability.backends import Backends, wait_for
from tests.integration.observability.images import CONFIGURATIONS, changed

if TYPE_CHECKING:
    from pathlib import Path

    from testcontainers.core.container import DockerContainer

    from tests.integration.observability.conftest import Told

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

SERVICES = {"reference-api", "reference-worker-reports", "reference-worker-analysis"}
COLUMNS = 8
ONLY_WHEN_IT_FAILS = {"otelcol_exporter_send_failed_spans_total", "otelcol_exporter_enqueue_failed_spans_total"}
"""The collector tells of them from the first failure on."""


def tag(span: dict[str, Any], name: str) -> object:
    return next((tag["value"] for tag in span["tags"] if tag["key"] == name), None)


def parent_of(span: dict[str, Any]) -> str | None:
    # The parent comes first; where a link leads to it too, as from a job to its message, Jaeger calls it FOLLOWS_FROM.
    own = [reference["spanID"] for reference in span["references"] if reference["traceID"] == span["traceID"]]
    return own[0] if own else None


def send_a_span(endpoint: str, name: str) -> str:
    """Send a span of one's own; return its trace."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=60)))
    with provider.get_tracer("tests").start_as_current_span(name) as span:
        trace_id = span.get_span_context().trace_id
    provider.shutdown()
    return f"{trace_id:032x}"


def selectors(node: object) -> list[dict[str, Any]]:
    """Return the selectors in a query that Prometheus has parsed."""
    if isinstance(node, list):
        return [found for part in node for found in selectors(part)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") in {"vectorSelector", "matrixSelector"} else []
    return own + [found for part in node.values() for found in selectors(part)]


def groupings(node: object) -> list[tuple[set[str], list[dict[str, Any]]]]:
    """Return the labels that a parsed query groups by, each with the selectors that must have them."""
    if isinstance(node, list):
        return [found for part in node for found in groupings(part)]
    if not isinstance(node, dict):
        return []
    own = [(set(node["grouping"]), selectors(node["expr"]))] if node.get("type") == "aggregation" else []
    return own + [found for part in node.values() for found in groupings(part)]


def dashboard_queries() -> list[str]:
    boards = [json.loads(path.read_text()) for path in (CONFIGURATIONS / "dashboards").glob("*.json")]
    return [
        target["expr"].replace("$__rate_interval", "1m")
        for board in boards
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def rule_queries(told: Told) -> list[str]:
    groups = told.backends.ask(told.prometheus, 9090, "/api/v1/rules")["groups"]
    return [rule["query"] for group in groups for rule in group["rules"]]


def labels_of(told: Told, metric: str) -> set[str]:
    series = told.backends.ask(told.prometheus, 9090, "/api/v1/series", **{"match[]": metric})
    return {label for one in series or () for label in one}


def test_a_report_is_one_trace_in_jaeger(told: Told) -> None:
    def spans() -> list[dict[str, Any]]:
        found = told.backends.ask(told.jaeger, 16686, f"/api/traces/{told.trace_id}")
        return found[0]["spans"] if found else []

    def is_whole(spans: list[dict[str, Any]]) -> bool:
        # The split, each column, the assembly.
        return sum(tag(span, "span.kind") == "consumer" for span in spans) >= COLUMNS + 2

    trace = wait_for(spans, "the trace in Jaeger", is_whole)
    processes = told.backends.ask(told.jaeger, 16686, f"/api/traces/{told.trace_id}")[0]["processes"]
    by_id = {span["spanID"]: span for span in trace}

    assert {process["serviceName"] for process in processes.values()} == SERVICES
    assert [span["operationName"] for span in trace if parent_of(span) is None] == ["POST /reports"]
    for span in trace:
        if tag(span, "span.kind") == "consumer":
            assert tag(by_id[parent_of(span) or ""], "span.kind") == "producer"


def test_prometheus_scrapes_all(told: Told) -> None:
    def health() -> dict[str, str]:
        targets = told.backends.ask(told.prometheus, 9090, "/api/v1/targets")["activeTargets"]
        return {target["labels"]["job"]: target["health"] for target in targets}

    jobs = {"application", "otel-collector", "jaeger", "prometheus"}
    wait_for(health, "all targets are up", lambda seen: seen == dict.fromkeys(jobs, "up"))


def test_the_rules_are_loaded_and_none_fires(told: Told) -> None:
    def rules() -> list[dict[str, Any]]:
        groups = told.backends.ask(told.prometheus, 9090, "/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    loaded = wait_for(
        rules, "the rules are evaluated", lambda seen: seen and all(rule["health"] != "unknown" for rule in seen)
    )

    text = (CONFIGURATIONS / "prometheus-rules.yaml").read_text()
    assert sorted(rule["name"] for rule in loaded) == sorted(re.findall(r"- alert: (\w+)", text))
    assert {rule["health"] for rule in loaded} == {"ok"}
    assert {rule["state"] for rule in loaded} <= {"inactive", "pending"}


def test_every_metric_and_label_that_is_asked_for_is_there(told: Told) -> None:
    parsed = [
        told.backends.ask(told.prometheus, 9090, "/api/v1/parse_query", query=query)
        for query in dashboard_queries() + rule_queries(told)
    ]
    assert len(parsed) > 30
    assert None not in parsed
    wanted: dict[str, set[str]] = {}
    for selector in selectors(parsed):
        labels = wanted.setdefault(selector["name"], set())
        labels |= {matcher["name"] for matcher in selector["matchers"]} - {"__name__"}
    for labels, grouped in groupings(parsed):
        for selector in grouped:
            wanted[selector["name"]] |= labels
    assert {"saq_queue_jobs", "saq_job_outcomes_total", "otelcol_receiver_refused_spans_total"} < set(wanted)

    def missing() -> dict[str, set[str]]:
        there = {metric: labels_of(told, metric) for metric in wanted if metric not in ONLY_WHEN_IT_FAILS}
        return {metric: wanted[metric] - found for metric, found in there.items() if not wanted[metric] < found}

    wait_for(missing, "all metrics and labels", lambda seen: not seen)


def test_what_tells_of_failure_is_there_when_the_collector_fails(backends: Backends, tmp_path: Path) -> None:
    values = {"max_interval": "1s", "max_elapsed_time": "1s", "queue_size": "1", "num_consumers": "1"}
    impatient = changed(tmp_path, CONFIGURATIONS / "otel-collector.yaml", **values)
    collector = backends.start_collector(impatient, JAEGER_ENDPOINT="127.0.0.1:1")

    def told() -> set[str]:
        send_a_span(backends.url(collector, 4318), "lost")
        metrics = backends.get(collector, 8888, "/metrics").text
        return set(re.findall(r"^otelcol_exporter_\w+_failed_spans\w*", metrics, re.MULTILINE))

    wait_for(told, "the failures", lambda seen: seen >= ONLY_WHEN_IT_FAILS)


def test_a_figure_leads_to_its_trace(told: Told) -> None:
    def traces(query: str) -> set[str]:
        found = told.backends.ask(
            told.prometheus, 9090, "/api/v1/query_exemplars", query=query, start="0", end="9999999999"
        )
        return {one["labels"].get("trace_id", "") for series in found or () for one in series["exemplars"]}

    for metric in ("messaging_process_duration_seconds_bucket", "traces_span_metrics_duration_seconds_bucket"):
        wait_for(lambda metric=metric: traces(metric), f"exemplars of {metric}", lambda seen: told.trace_id in seen)


def test_span_metrics_tell_nothing_that_is_different_for_each_job(told: Told) -> None:
    metric = "traces_span_metrics_calls_total"
    wait_for(lambda: labels_of(told, metric), "span metrics", lambda seen: "saq_job_status" in seen)

    assert labels_of(told, metric) == {
        "__name__",
        "job",
        "service_name",
        "span_name",
        "span_kind",
        "status_code",
        "messaging_destination_name",
        "saq_job_function",
        "saq_job_status",
        "collector_instance_id",
    }


def test_the_collector_has_nothing_to_complain_about(told: Told) -> None:
    def log(container: DockerContainer) -> list[dict[str, Any]]:
        lines = b"".join(container.get_logs()).decode().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    wait_for(lambda: {line.get("otelcol.signal") for line in log(told.collector)}, "logs", lambda seen: "logs" in seen)

    assert [line for line in log(told.collector) if line["level"] not in {"debug", "info"}] == []
    assert [line for line in log(told.collector) if "deprecated" in line["msg"].lower()] == []


def test_badger_keeps_traces_over_a_restart(backends: Backends) -> None:
    volume = backends.make_volume()
    jaeger = backends.start_jaeger("jaeger-badger.yaml", volume)
    trace_id = send_a_span(backends.url(jaeger, 4318), "kept")

    def names(jaeger: DockerContainer) -> list[str]:
        found = backends.ask(jaeger, 16686, f"/api/traces/{trace_id}")
        return [span["operationName"] for span in found[0]["spans"]] if found else []

    wait_for(lambda: names(jaeger), "the trace", lambda seen: seen == ["kept"])
    jaeger.get_wrapped_container().stop(timeout=30)
    assert jaeger.get_wrapped_container().wait()["StatusCode"] == 0
    again = backends.start_jaeger("jaeger-badger.yaml", volume)

    wait_for(lambda: names(again), "the trace after the restart", lambda seen: seen == ["kept"])
