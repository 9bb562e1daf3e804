from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from demo.log_records import read_logs
from demo.metrics import read_metrics
from demo.spans import read_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.receiver import OtlpReceiver

SOURCE = Path(__file__).parents[4] / "src"
SEARCH = os.pathsep.join([str(SOURCE), str(Path(__file__).parent)])
"""Where `patient_server` is found, too."""
TIMEOUT_S = 60


class Spans(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        self.receiver.add(read_spans(request.SerializeToString()))
        return trace_service_pb2.ExportTraceServiceResponse()


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        self.receiver.add_metrics(read_metrics(request.SerializeToString()))
        return metrics_service_pb2.ExportMetricsServiceResponse()


class Logs(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self.receiver = receiver

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        self.receiver.add_logs(read_logs(request.SerializeToString()))
        return logs_service_pb2.ExportLogsServiceResponse()


@pytest.fixture
def grpc_endpoint(otlp_receiver: OtlpReceiver) -> Iterator[str]:
    """The receiver by gRPC."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Spans(otlp_receiver), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(otlp_receiver), server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(Logs(otlp_receiver), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(params=["http/protobuf", "grpc"])
def exporting(request: pytest.FixtureRequest, otlp_receiver: OtlpReceiver, grpc_endpoint: str) -> dict[str, str]:
    """The variables that make a process export to the receiver, by each protocol."""
    endpoint = grpc_endpoint if request.param == "grpc" else otlp_receiver.endpoint
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": request.param}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a collector that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """The port of a collector that is away: nobody listens there, and nobody else can get it."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process of Python with no telemetry but that of the given variables; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LITESTAR_"))}
        started.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                cwd=tmp_path,
                env=own | {"PYTHONPATH": SEARCH, "OTEL_EXPORTER_OTLP_INSECURE": "true"} | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=TIMEOUT_S)
