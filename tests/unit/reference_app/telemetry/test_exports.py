from __future__ import annotations

import pytest

from reference_app.telemetry import wanted
from reference_app.telemetry.exports import Exports, read_exports

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}
HTTP, GRPC = "http/protobuf", "grpc"
ALL = {"traces": HTTP, "metrics": HTTP, "logs": HTTP}


@pytest.mark.parametrize(
    ("variables", "protocols"),
    [
        ({}, {}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {}),
        (ENDPOINT, ALL),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, {}),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, ALL),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, {"traces": HTTP}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/m"}, {"metrics": HTTP}),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://c/l"}, {"logs": HTTP}),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, {"metrics": HTTP, "logs": HTTP}),
        ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "otlp"}, {"traces": HTTP, "logs": HTTP}),
        ({**ENDPOINT, "OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": ""}, {"traces": HTTP, "metrics": HTTP}),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, dict.fromkeys(ALL, GRPC)),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": ""}, ALL),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, {**ALL, "traces": GRPC}),
        (
            {
                **ENDPOINT,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": " http/protobuf ",
            },
            {"traces": GRPC, "metrics": HTTP, "logs": GRPC},
        ),
    ],
)
def test_what_is_exported_and_how(
    environment: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], protocols: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert read_exports() == Exports(protocols=protocols)
    assert wanted() is bool(protocols)


@pytest.mark.parametrize(
    ("variables", "sentence", "protocols"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', but should be 'http/protobuf' or 'grpc': "
                "no traces, no metrics, no logs are exported"
            ),
            {},
        ),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "HTTP"},
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL is 'HTTP', but should be 'http/protobuf' or 'grpc': no logs are exported",
            {"traces": HTTP, "metrics": HTTP},
        ),
        (
            {"OTEL_METRICS_EXPORTER": "prometheus"},
            "OTEL_METRICS_EXPORTER is 'prometheus', but should be 'otlp' or 'none': no metrics are exported",
            {"traces": HTTP, "logs": HTTP},
        ),
    ],
)
def test_what_can_not_be_followed_is_said_and_not_exported(
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    sentence: str,
    protocols: dict[str, str],
) -> None:
    for name, value in {**ENDPOINT, **variables}.items():
        monkeypatch.setenv(name, value)

    assert read_exports() == Exports(protocols=protocols, refused=(sentence,))
