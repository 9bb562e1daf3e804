"""The SDK in a process of its own, because its providers can be set once in each."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from demo.receiver import OtlpReceiver

TIMEOUT_S = 60
PROCESS = """
import logging, signal, sys, time
from opentelemetry import metrics, trace
from litestar_saq import SAQPlugin
from reference_app import telemetry
from patient_server import create_app

plugin = create_app().plugins.get(SAQPlugin)
print(telemetry.current_trace_id())
plugin.start_process(sys.argv[1:])
plugin.start_process(["another"])
with trace.get_tracer("test").start_as_current_span("a span") as span:
    print(telemetry.current_trace_id())
    metrics.get_meter("test").create_counter("a.counter", "{thing}").add(3)
    logging.getLogger("a.logger").warning("%s %s", "it", "said")
began = time.monotonic()
exported = plugin.flush_telemetry()
print(exported, time.monotonic() - began, time.time())
"""

Start = Callable[..., subprocess.Popen[str]]


class Ended:
    """A process that has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        output, errors = process.communicate(timeout=TIMEOUT_S)
        ended = time.time()
        assert process.returncode == 0, errors
        self.before, self.trace_id, exported, flush_s, flushed = output.split()
        self.exported = exported == "True"
        self.flush_s = float(flush_s)
        self.exit_s = ended - float(flushed)
        """How long it took from the flush to the end."""
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in errors.splitlines() if line[:1] == "{"]
        self.errors = errors

    def said(self, start: str) -> list[str]:
        """Return what a logger and those under it have said."""
        return [line["event"] for line in self.lines if line["logger"].startswith(start)]


def test_off_it_makes_no_trace(start: Start) -> None:
    ended = Ended(start("-c", PROCESS))

    assert (ended.before, ended.trace_id, ended.exported) == ("None", "None", True)
    assert [line["event"] for line in ended.lines] == ["it said"]


def test_a_process_exports_every_signal_under_one_resource(
    start: Start, otlp_receiver: OtlpReceiver, exporting: dict[str, str]
) -> None:
    ended = Ended(start("-c", PROCESS, "reports", **exporting))

    assert (ended.before, ended.exported) == ("None", True)
    assert re.fullmatch(r"[0-9a-f]{32}", ended.trace_id)
    (span,) = otlp_receiver.spans(ended.trace_id)
    (metric,) = otlp_receiver.metrics("a.counter")
    (log,) = otlp_receiver.logs(ended.trace_id)
    assert span.name == "a span"
    assert (metric.kind, metric.unit, metric.monotonic, metric.value) == ("SUM", "{thing}", True, 3)
    assert [(exemplar.trace_id, exemplar.span_id) for exemplar in metric.exemplars] == [(span.trace_id, span.span_id)]
    assert (log.body, log.severity, log.scope, log.span_id) == ("it said", "WARN", "a.logger", span.span_id)
    assert span.resource == metric.resource == log.resource
    assert (span.service, span.resource["service.version"]) == ("reference-worker-reports", version("litestar-saq"))
    assert ended.said("opentelemetry") == []


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_a_signal_may_be_exported_alone(start: Start, otlp_receiver: OtlpReceiver, signal: str) -> None:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"

    ended = Ended(start("-c", PROCESS, **{variable: f"{otlp_receiver.endpoint}/v1/{signal}"}))

    arrived = {
        "traces": [span.service for span in otlp_receiver.spans()],
        "metrics": [metric.service for metric in otlp_receiver.metrics("a.counter")],
        "logs": [log.service for log in otlp_receiver.logs()],
    }
    assert {name: services for name, services in arrived.items() if services} == {signal: ["reference-api"]}
    assert (ended.trace_id == "None") is (signal != "traces")


def test_signals_may_go_by_different_protocols(start: Start, otlp_receiver: OtlpReceiver, grpc_endpoint: str) -> None:
    Ended(
        start(
            *("-c", PROCESS),
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint,
            OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=grpc_endpoint,
            OTEL_EXPORTER_OTLP_LOGS_PROTOCOL="grpc",
            OTEL_METRICS_EXPORTER="none",
        )
    )

    assert [span.name for span in otlp_receiver.spans()] == ["a span"]
    assert [log.body for log in otlp_receiver.logs()] == ["it said"]
    assert otlp_receiver.metrics() == []


def test_metrics_are_exported_at_the_interval(start: Start, otlp_receiver: OtlpReceiver) -> None:
    process = start(
        *("-c", PROCESS.replace("began =", "signal.pause(); began =")),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint,
        OTEL_METRIC_EXPORT_INTERVAL="100",
    )

    otlp_receiver.wait_for_metrics(
        lambda metrics: any(metric.name == "a.counter" for metric in metrics), timeout_s=TIMEOUT_S
    )

    assert process.poll() is None


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', but should be 'http/protobuf' or 'grpc': no traces, ",
        ),
        (
            # The SDK's own variables are read by it.
            {"OTEL_METRIC_EXPORT_INTERVAL": "0", "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
            "no metrics are exported: ValueError: ",
        ),
    ],
)
def test_what_can_not_be_exported_is_said_and_the_process_goes_on(
    start: Start, otlp_receiver: OtlpReceiver, variables: dict[str, str], sentence: str
) -> None:
    ended = Ended(start("-c", PROCESS, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint, **variables))

    assert ended.said("a.logger") == ["it said"]
    assert [line for line in ended.said("reference_app.telemetry") if line.startswith(sentence)]
    assert "Traceback" not in ended.errors
    assert (otlp_receiver.spans(), otlp_receiver.metrics(), otlp_receiver.logs()) == ([], [], [])


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("collector", ["silent_port", "closed_port"])
def test_a_collector_that_does_not_answer_holds_up_neither_the_flush_nor_the_exit(
    start: Start, request: pytest.FixtureRequest, collector: str, protocol: str
) -> None:
    port = request.getfixturevalue(collector)

    ended = Ended(
        start(
            *("-c", PROCESS.replace("patient_server", "reference_app.server")),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT="100",
        )
    )

    # The exporter's own time-out is 100 seconds, and it tries again; the library's flush takes 3, and the exit none.
    assert ended.flush_s < 40
    assert ended.exit_s < 40
    said = ended.said("opentelemetry.")
    assert len(said) == len(set(said))
    assert len(ended.errors.splitlines()) < 12, ended.errors
