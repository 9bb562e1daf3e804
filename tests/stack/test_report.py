"""A file that nobody has seen makes a right report, and one trace of all that it caused."""

from __future__ import annotations

import csv
import random
import statistics
from typing import Any

from tests.stack.deployment import Deployment, make_csv

COLUMNS = 6
SERVICES = {"reference-api", "reference-worker-reports", "reference-worker-analysis"}


def tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def parents(span: dict[str, Any]) -> list[str]:
    return [one["spanID"] for one in span["references"] if one["refType"] == "CHILD_OF"]


def test_the_report_is_right_and_the_trace_is_one(deployment: Deployment) -> None:
    data = make_csv(rows=500, columns=COLUMNS, seed=random.SystemRandom().randrange(2**32))
    sent = deployment.send(data)
    (report,) = deployment.complete([sent])
    rows = list(csv.DictReader(data.decode().splitlines()))
    assert (report["rows"], len(report["columns"])) == (500, COLUMNS)
    names, *numbers = report["columns"]
    assert (names["name"], names["type"], names["distinct"]) == ("name", "string", 7)
    for column in numbers:
        values = [int(row[column["name"]]) for row in rows]
        assert (column["type"], column["count"], column["nulls"]) == ("integer", 500, 0)
        assert (float(column["min"]), float(column["max"])) == (min(values), max(values))
        assert abs(column["mean"] - statistics.fmean(values)) < 1e-6
        assert column["distinct"] == len(set(values))

    def whole() -> dict[str, Any] | None:
        trace = deployment.trace(sent.trace_id)
        runs = [span for span in (trace or {"spans": []})["spans"] if tags(span).get("span.kind") == "consumer"]
        known = {span["spanID"] for span in (trace or {"spans": []})["spans"]}
        there = all(parent in known for span in (trace or {"spans": []})["spans"] for parent in parents(span))
        return trace if there and len(runs) == COLUMNS + 2 else None

    trace = deployment.until(whole, "the whole trace")
    spans = {span["spanID"]: span for span in trace["spans"]}
    (root,) = [span for span in spans.values() if not parents(span)]
    assert (root["operationName"], tags(root)["span.kind"]) == ("POST /reports", "server")
    consumers = [span for span in spans.values() if tags(span).get("span.kind") == "consumer"]
    for span in consumers:
        (parent,) = parents(span)
        assert tags(spans[parent])["span.kind"] == "producer"
    assert {process["serviceName"] for process in trace["processes"].values()} == SERVICES


def test_the_page_links_to_the_trace(deployment: Deployment) -> None:
    settings = deployment.http.get(f"{deployment.api}/page/settings.json").json()
    assert settings["trace_url"] == f"{deployment.jaeger}/trace/{{trace_id}}"
