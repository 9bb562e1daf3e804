"""What metrics tell: bounded, and of everybody who records with one meter."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from litestar_saq.telemetry import OtelOptions
from litestar_saq.telemetry.job_telemetry import JobTelemetry
from litestar_saq.telemetry.queue_telemetry import MAX_FUNCTIONS, QueueTelemetry
from litestar_saq.testing import InMemoryQueue


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def options(reader: InMemoryMetricReader) -> OtelOptions:
    return OtelOptions(meter_provider=MeterProvider([reader]))


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    return [
        point
        for resource in (data.resource_metrics if data else [])
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def test_functions_beyond_the_most_that_are_told_apart_are_other(
    reader: InMemoryMetricReader, options: OtelOptions
) -> None:
    telemetry = QueueTelemetry(JobTelemetry(options=options), InMemoryQueue("q"))
    for number in range(MAX_FUNCTIONS + 20):
        telemetry.count_outcome(f"f{number}", "complete")
    telemetry.count_outcome("f0", "complete")
    counts = {point.attributes["saq.job.function"]: point.value for point in points(reader, "saq.job.outcomes")}
    assert len(counts) == MAX_FUNCTIONS + 1
    assert (counts["f0"], counts["_OTHER"]) == (2, 20)


def test_two_that_share_a_meter_are_both_told(reader: InMemoryMetricReader, options: OtelOptions) -> None:
    for name in ("one", "two"):
        metrics = JobTelemetry(options=options).metrics
        assert metrics
        metrics.observed.concurrency[name] += 5
    told = {
        point.attributes["messaging.destination.name"]: point.value
        for point in points(reader, "saq.worker.concurrency")
    }
    assert told == {"one": 5, "two": 5}
