"""What the receiver keeps of metrics and log records."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from demo.log_records import Log
from demo.metrics import Exemplar, Metric
from demo.receiver import KEPT_EXEMPLARS, KEPT_LOGS, KEPT_SERIES, OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOURCE = Resource({"service.name": "api", "process.pid": 7})


@pytest.fixture(params=[Compression.NoCompression, Compression.Gzip])
def compression(request: pytest.FixtureRequest) -> Compression:
    return request.param


@pytest.fixture
def meters(otlp_receiver: OtlpReceiver, compression: Compression) -> Iterator[MeterProvider]:
    """A provider that exports when it is flushed."""
    exporter = OTLPMetricExporter(f"{otlp_receiver.endpoint}/v1/metrics", compression=compression)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], RESOURCE, shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def test_metrics_arrive_from_the_sdk(otlp_receiver: OtlpReceiver, meters: MeterProvider) -> None:
    meter = meters.get_meter("library", schema_url="https://opentelemetry.io/schemas/1.44.0")
    sent = meter.create_counter("sent", "{message}")
    active = meter.create_up_down_counter("active")
    meter.create_observable_gauge("age", [lambda _: [Observation(0.5, {"queue": "q"})]], "s")
    took = meter.create_histogram("took", "s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
    sent.add(2, {"queue": "q"})
    active.add(3)
    active.add(-1)
    with TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_as_current_span("run") as span:
        for value in (0.05, 0.5, 0.75, 7):
            took.record(value)
    meters.force_flush()

    found = {metric.name: metric for metric in otlp_receiver.metrics()}
    shown = {
        name: (metric.kind, metric.unit, metric.monotonic, metric.temporality, metric.value, metric.attributes)
        for name, metric in found.items()
    }
    assert shown == {
        "sent": ("SUM", "{message}", True, "CUMULATIVE", 2, {"queue": "q"}),
        "active": ("SUM", "", False, "CUMULATIVE", 2, {}),
        "age": ("GAUGE", "s", False, "UNSPECIFIED", 0.5, {"queue": "q"}),
        "took": ("HISTOGRAM", "s", False, "CUMULATIVE", 0, {}),
    }
    histogram = found["took"]
    assert (histogram.count, histogram.sum, histogram.bounds, histogram.buckets) == (4, 8.3, (0.1, 1.0), (1, 2, 1))
    context = span.get_span_context()
    assert {(one.trace_id, one.span_id) for one in histogram.exemplars} == {
        (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    }
    assert {metric.scope for metric in found.values()} == {"library"}
    assert {metric.schema_url for metric in found.values()} == {"https://opentelemetry.io/schemas/1.44.0"}
    assert all(metric.resource == {"service.name": "api", "process.pid": 7} for metric in found.values())
    assert histogram.service == "api"


def test_the_last_state_of_a_series_is_kept(otlp_receiver: OtlpReceiver, meters: MeterProvider) -> None:
    counter = meters.get_meter("library").create_counter("sent")
    for _ in range(3):
        counter.add(1, {"queue": "a"})
        counter.add(10, {"queue": "b"})
        meters.force_flush()

    states = otlp_receiver.metrics("sent")
    assert {metric.attributes["queue"]: metric.value for metric in states} == {"a": 3, "b": 30}
    assert otlp_receiver.metrics("another") == []


def test_a_series_of_another_process_is_another_one(otlp_receiver: OtlpReceiver) -> None:
    own: dict[str, Any] = {"name": "sent", "unit": "", "kind": "SUM"}
    otlp_receiver.add_metrics([Metric(**own, resource={"service.instance.id": number}) for number in "aab"])
    assert [metric.resource["service.instance.id"] for metric in otlp_receiver.metrics()] == ["a", "b"]


def test_what_is_kept_of_metrics_has_bounds(otlp_receiver: OtlpReceiver) -> None:
    own: dict[str, Any] = {"unit": "", "kind": "SUM"}
    for number in range(KEPT_EXEMPLARS + 2):
        exemplar = Exemplar(value=number, time_ns=number, trace_id="", span_id="")
        otlp_receiver.add_metrics([Metric(name="a", exemplars=(exemplar,), **own)])
    (metric,) = otlp_receiver.metrics()
    assert [exemplar.value for exemplar in metric.exemplars] == list(range(2, KEPT_EXEMPLARS + 2))

    otlp_receiver.add_metrics(Metric(name=f"b{number}", **own) for number in range(KEPT_SERIES))
    assert len(otlp_receiver.metrics()) == KEPT_SERIES
    assert otlp_receiver.metrics("a") == []


def test_log_records_arrive_from_the_sdk(otlp_receiver: OtlpReceiver, compression: Compression) -> None:
    provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"{otlp_receiver.endpoint}/v1/logs", compression=compression)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("a.logger")
    logger.emit(body="nowhere", severity_text="INFO", timestamp=7)
    with TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_as_current_span("run") as span:
        logger.emit(body="in a run", severity_text="WARN", attributes={"job_key": "k", "attempt": 1})
    provider.shutdown()

    nowhere, inside = otlp_receiver.logs()
    context = span.get_span_context()
    assert nowhere == Log(
        body="nowhere",
        severity="INFO",
        time_ns=7,
        scope="a.logger",
        resource={"service.name": "api", "process.pid": 7},
    )
    assert (inside.body, inside.severity, inside.attributes) == ("in a run", "WARN", {"job_key": "k", "attempt": 1})
    assert (inside.trace_id, inside.span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert inside.service == "api"
    assert otlp_receiver.logs(inside.trace_id) == [inside]


def test_the_oldest_log_records_are_forgotten(otlp_receiver: OtlpReceiver) -> None:
    otlp_receiver.add_logs(Log(body=number, severity="INFO", time_ns=0) for number in range(KEPT_LOGS + 2))
    kept = otlp_receiver.logs()
    assert (len(kept), kept[0].body) == (KEPT_LOGS, 2)


def test_waiting_ends_when_what_is_waited_for_has_arrived(otlp_receiver: OtlpReceiver) -> None:
    metric = Metric(name="sent", unit="", kind="SUM", resource={"service.name": "api"})
    log = Log(body="told", severity="INFO", time_ns=0)
    otlp_receiver.add_metrics([metric])
    otlp_receiver.add_logs([log])
    with pytest.raises(TimeoutError, match="api sent"):
        otlp_receiver.wait_for_metrics(lambda metrics: len(metrics) > 1, timeout_s=0)
    with pytest.raises(TimeoutError, match="INFO told"):
        otlp_receiver.wait_for_logs(lambda logs: len(logs) > 1, timeout_s=0)

    later = threading.Timer(0.05, otlp_receiver.add_logs, [[log]])
    later.start()
    assert otlp_receiver.wait_for_logs(lambda logs: len(logs) > 1, timeout_s=60) == [log, log]
    later.join()
    assert otlp_receiver.wait_for_metrics(bool, timeout_s=60) == [metric]
