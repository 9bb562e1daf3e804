"""What is printed at the end of an installation."""

from __future__ import annotations

import re

from tests.chart.rendering import CHART, helm


def notes(case: str = "", *more: str) -> str:
    files = ["--values", str(CHART / "ci" / f"{case}.yaml")] if case else []
    told = helm("install", "reports", str(CHART), "--namespace", "csv", "--dry-run=client", *files, *more)
    return " ".join(told.split("NOTES:")[1].split())


def test_they_say_what_to_run_next() -> None:
    told = notes()
    assert "runs an API and workers of analysis, maintenance, reports." in told
    assert "helm test reports --namespace csv --logs" in told
    assert "kubectl --namespace csv port-forward service/reports-api 8000:80" in told
    assert "kubectl --namespace csv port-forward service/reports-jaeger 16686:16686" in told


def test_they_say_where_the_page_is() -> None:
    assert "The page is at https://reports.example.com/" in notes("production")
    assert "port-forward" not in notes("production")


def test_they_warn_of_what_is_missing() -> None:
    told = notes()
    assert "password was made up, and is in the secret reports-redis" in told
    assert "Traces are in Jaeger's memory" in told
    assert "Nothing outside the cluster reaches the API" in told
    assert "The cluster has no kind PrometheusRule" in told
    minimal = notes("minimal")
    assert "jobs and reports are lost with Redis' pod" in minimal
    assert "otel.enabled is false" in minimal
    bare = notes("", '--set-json=api.resources={"limits":{"memory":null}}')
    assert "api.resources.limits.memory is not set" in bare
    plain = notes("", "--set=redis.enabled=false,redis.external.host=redis")
    assert "redis.external.tls is false" in plain
    assert "redis.external.existingSecret is not set" in plain


def test_what_is_not_missing_is_not_warned_of() -> None:
    told = notes("production")
    assert re.findall(r"- (\S+)", told) == ["The"]
    assert "PrometheusRule" in told
