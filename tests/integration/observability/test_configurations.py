"""What the programs themselves say of their configurations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.observability.images import (
    COLLECTOR,
    CONFIGURATIONS,
    DOCKER,
    JAEGER,
    PROMETHEUS,
    REDIS,
    changed,
    run_once,
)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

IN_COLLECTOR = "/etc/otelcol-contrib/config.yaml"
IN_JAEGER = "/etc/jaeger/config.yaml"
IN_PROMETHEUS = {
    DOCKER / "prometheus.yaml": "/etc/prometheus/prometheus.yml",
    CONFIGURATIONS / "prometheus-rules.yaml": "/etc/prometheus/prometheus-rules.yaml",
}
BOARDS = sorted((CONFIGURATIONS / "dashboards").glob("*.json"))
SEAM = re.compile(r"^( *)#> ", re.MULTILINE)


def validate_collector(file: Path, **environment: str) -> tuple[bool, str]:
    return run_once(COLLECTOR, ["validate", "--config", IN_COLLECTOR], {file: IN_COLLECTOR}, environment=environment)


def test_compose_names_the_images_that_are_tested() -> None:
    compose = (DOCKER.parent / "compose.yaml").read_text()

    assert {COLLECTOR, JAEGER, PROMETHEUS, REDIS} <= set(re.findall(r"image: \$\{\w+:-([^}]+)\}", compose))


def test_the_collectors_is_valid() -> None:
    valid, output = validate_collector(CONFIGURATIONS / "otel-collector.yaml")

    assert valid, output


def test_the_collectors_is_valid_with_its_seams(tmp_path: Path) -> None:
    file = tmp_path / "seams.yaml"
    text, seams = SEAM.subn(r"\1", (CONFIGURATIONS / "otel-collector.yaml").read_text())
    file.write_text(text)

    valid, output = validate_collector(
        file, OWN_OTLP_ENDPOINT="https://otlp.example", OWN_OTLP_AUTHORIZATION="Bearer secret"
    )

    assert valid, output
    assert seams > 10
    assert "  #>" not in text
    for name in ("tail_sampling", "otlp_http/own"):
        assert len(re.findall(rf"{name}(?=[:\]\n])", text)) > 1, f"{name} is in no pipeline"


def test_a_component_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = changed(tmp_path, CONFIGURATIONS / "otel-collector.yaml", receivers="[otlp, telepathy]")

    valid, output = validate_collector(file)

    assert not valid
    assert "telepathy" in output


@pytest.mark.parametrize("name", ["jaeger.yaml", "jaeger-badger.yaml"])
def test_jaegers_are_valid(name: str) -> None:
    valid, output = run_once(JAEGER, ["validate", "--config", IN_JAEGER], {CONFIGURATIONS / name: IN_JAEGER})

    assert valid, output


def test_jaegers_differ_in_their_storage_alone() -> None:
    memory, badger = (
        [line for line in (CONFIGURATIONS / name).read_text().splitlines() if not line.lstrip().startswith("#")]
        for name in ("jaeger.yaml", "jaeger-badger.yaml")
    )

    def without_storage(first: str, lines: list[str]) -> list[str]:
        at = lines.index(first)
        after = next(number for number, line in enumerate(lines) if number > at and not line.startswith(" " * 10))
        return lines[:at] + lines[after:]

    assert without_storage("        memory:", memory) == without_storage("        badger:", badger)


def test_prometheus_takes_its_configuration_and_rules() -> None:
    valid, output = run_once(
        PROMETHEUS, ["check", "config", "/etc/prometheus/prometheus.yml"], IN_PROMETHEUS, entrypoint="/bin/promtool"
    )

    assert valid, output
    assert "1 rule files found" in output
    assert "rules found" in output


def test_alerts_fire_when_they_should_and_only_then() -> None:
    cases = Path(__file__).with_name("alerts.yaml")

    valid, output = run_once(
        PROMETHEUS,
        ["test", "rules", "/etc/prometheus/alerts.yaml"],
        {**IN_PROMETHEUS, cases: "/etc/prometheus/alerts.yaml"},
        entrypoint="/bin/promtool",
    )

    assert valid, output
    rules = (CONFIGURATIONS / "prometheus-rules.yaml").read_text()
    tested = set(re.findall(r"alertname: (\w+)", cases.read_text()))
    assert set(re.findall(r"- alert: (\w+)", rules)) == tested


def test_an_alert_says_what_and_why() -> None:
    rules = (CONFIGURATIONS / "prometheus-rules.yaml").read_text().split("- alert: ")[1:]

    assert rules
    for rule in rules:
        for word in ("expr:", "for:", "severity:", "summary:", "description:"):
            assert rule.count(word) == 1, f"{word} in {rule}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_a_source_that_is_provisioned(path: Path) -> None:
    board: dict[str, Any] = json.loads(path.read_text())
    sources = (DOCKER / "grafana" / "datasources" / "datasources.yaml").read_text()
    uids = set(re.findall(r"^ +uid: (\w+)", sources, re.MULTILINE))

    assert board["uid"] == f"litestar-saq-{path.stem}"
    assert {panel["datasource"]["uid"] for panel in board["panels"]} <= uids
    assert re.findall(r"datasourceUid: (\w+)", sources) == ["jaeger"]
    assert "jaeger" in uids
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) > 3
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}
    assert len(places) == len(ids)


def test_there_are_four_dashboards() -> None:
    assert [path.stem for path in BOARDS] == ["api", "collector", "queues", "workers"]
