from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reference_app import telemetry

if TYPE_CHECKING:
    from demo.receiver import OtlpReceiver

SOURCE = Path(__file__).parents[3] / "src"
PROCESS = """
from opentelemetry import trace
from reference_app import telemetry
print(telemetry.current_trace_id())
telemetry.start("reference-test")
telemetry.start("reference-other")
with trace.get_tracer("test").start_as_current_span("a span"):
    print(telemetry.current_trace_id())
telemetry.stop()
telemetry.stop()
"""


def run(**environment: str) -> tuple[list[str], float]:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        | {"PYTHONPATH": str(SOURCE)}
        | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.split(), time.monotonic() - began


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "True"}, False),
    ],
)
def test_it_is_on_where_there_is_somewhere_to_export_to(
    environment: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert telemetry.wanted() is wanted


def test_off_it_makes_no_trace() -> None:
    assert run()[0] == ["None", "None"]


@pytest.mark.parametrize(("own", "name"), [({}, "reference-test"), ({"OTEL_SERVICE_NAME": "mine"}, "mine")])
def test_a_process_exports_what_it_has_made_under_its_name(
    otlp_receiver: OtlpReceiver, own: dict[str, str], name: str
) -> None:
    (nothing, trace_id), _ = run(OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint, **own)

    assert nothing == "None"
    assert re.fullmatch(r"[0-9a-f]{32}", trace_id)
    assert [(span.name, span.service) for span in otlp_receiver.spans(trace_id)] == [("a span", name)]


def test_a_collector_that_does_not_answer_holds_nobody_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        _, took_s = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")

    # The exporter's own time-out is 10 seconds, and it tries again.
    assert took_s < 10


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/reports", "POST /reports"),
        ("/reports/0123", "POST /reports/{report_id}"),
        ("/reports/0123/events", "POST /reports/{report_id}/events"),
        ("/reports/0123/columns/7/chart.svg", "POST /reports/{report_id}/columns/{index}/chart.svg"),
    ],
)
def test_a_route_has_one_name(path: str, name: str) -> None:
    scope: Any = {"type": "http", "method": "POST", "path": path}

    found, attributes = telemetry._span_details(scope)

    assert (found, attributes["http.route"]) == (name, name.removeprefix("POST "))
