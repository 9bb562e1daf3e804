from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode

from demo.receiver import KEPT_TRACES, OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.spans import Span

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as client:
        yield client


def _provider(receiver: OtlpReceiver, compression: Compression) -> TracerProvider:
    provider = TracerProvider(resource=Resource({"service.name": "api", "process.pid": 7}))
    exporter = OTLPSpanExporter(f"{receiver.endpoint}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_spans_arrive_from_the_sdk(otlp_receiver: OtlpReceiver, compression: Compression) -> None:
    provider = _provider(otlp_receiver, compression)
    tracer = provider.get_tracer("library", schema_url="https://opentelemetry.io/schemas/1.44.0")
    with tracer.start_as_current_span("POST /reports", kind=SpanKind.SERVER) as parent:
        link = Link(parent.get_span_context(), {"why": "cause"})
        with tracer.start_as_current_span("enqueue reports", kind=SpanKind.PRODUCER, links=[link]) as span:
            span.set_attributes({"text": "a", "list": [1, 2], "number": 0.5, "flag": True})
            span.add_event("sent", {"bytes": 3})
            span.set_status(StatusCode.ERROR, "refused")
    provider.shutdown()

    context = parent.get_span_context()
    child, root = otlp_receiver.spans(f"{context.trace_id:032x}")
    assert (root.service, root.name, root.kind, root.parent_id, root.status) == (
        "api",
        "POST /reports",
        "SERVER",
        None,
        "UNSET",
    )
    assert (child.kind, child.parent_id, child.status, child.status_message) == (
        "PRODUCER",
        root.span_id,
        "ERROR",
        "refused",
    )
    assert child.attributes == {"text": "a", "list": [1, 2], "number": 0.5, "flag": True}
    assert [(link.trace_id, link.span_id, link.attributes) for link in child.links] == [
        (root.trace_id, root.span_id, {"why": "cause"})
    ]
    assert [(event.name, event.attributes) for event in child.events] == [("sent", {"bytes": 3})]
    assert (child.scope, child.schema_url) == ("library", "https://opentelemetry.io/schemas/1.44.0")
    assert child.resource == {"service.name": "api", "process.pid": 7}
    assert 0 < root.start_ns <= child.start_ns <= child.end_ns <= root.end_ns


def test_trace_as_json_and_as_a_page(
    otlp_receiver: OtlpReceiver, http: httpx.Client, make_span: Callable[..., Span]
) -> None:
    root, child = make_span(1, name="<b>root</b>"), make_span(2, 1, start=1, attributes={"key": b"\x01"})
    url = otlp_receiver.page(root.trace_id)
    otlp_receiver.add([child])
    assert not http.get(f"{url}.json").json()["complete"]
    assert 'http-equiv="refresh"' in http.get(url).text

    otlp_receiver.add([root, child])
    shown = http.get(f"{url}.json").json()
    assert (shown["trace_id"], shown["complete"]) == (root.trace_id, True)
    assert [(span["span_id"], span["parent_id"]) for span in shown["spans"]] == [
        (root.span_id, None),
        (child.span_id, root.span_id),
    ]
    page = http.get(url)
    assert page.headers["content-type"].startswith("text/html")
    assert 'http-equiv="refresh"' not in page.text
    assert "&lt;b&gt;root&lt;/b&gt;" in page.text
    assert "<b>root" not in page.text


@pytest.mark.parametrize("path", ["/", "/trace/", "/trace/xyz", "/trace/" + "A" * 32, "/trace/../etc/passwd"])
def test_no_other_page(otlp_receiver: OtlpReceiver, http: httpx.Client, path: str) -> None:
    assert http.get(otlp_receiver.endpoint + path).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/traces", PROTOBUF, b"no protobuf", 400),
        ("/v1/traces", PROTOBUF | {"Content-Encoding": "gzip"}, b"no gzip", 400),
        ("/v1/traces", PROTOBUF | {"Content-Encoding": "br"}, b"", 415),
        ("/v1/traces", {"Content-Type": "application/json"}, b"{}", 415),
        ("/v1/elsewhere", PROTOBUF, b"", 404),
    ],
)
def test_what_is_no_export_is_refused(
    otlp_receiver: OtlpReceiver, http: httpx.Client, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert http.post(otlp_receiver.endpoint + path, headers=headers, content=body).status_code == status
    assert otlp_receiver.spans() == []


def test_a_body_that_grows_too_large_is_refused(otlp_receiver: OtlpReceiver, http: httpx.Client) -> None:
    body = gzip.compress(bytes(65 * 1024 * 1024))
    url = f"{otlp_receiver.endpoint}/v1/traces"
    assert http.post(url, headers=PROTOBUF | {"Content-Encoding": "gzip"}, content=body).status_code == 413


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_an_empty_export_of_any_signal_is_accepted(
    otlp_receiver: OtlpReceiver, http: httpx.Client, signal: str
) -> None:
    body = ExportTraceServiceRequest().SerializeToString()
    answer = http.post(f"{otlp_receiver.endpoint}/v1/{signal}", headers=PROTOBUF, content=body)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_oldest_traces_are_forgotten(make_span: Callable[..., Span], otlp_receiver: OtlpReceiver) -> None:
    spans = [make_span(1, trace_id=f"{number:032x}") for number in range(KEPT_TRACES + 2)]
    otlp_receiver.add(spans)
    assert otlp_receiver.spans() == spans[2:]


def test_waiting_for_a_trace_ends_when_it_is_complete(
    otlp_receiver: OtlpReceiver, make_span: Callable[..., Span]
) -> None:
    root, child = make_span(1), make_span(2, 1, start=1)
    otlp_receiver.add([child])
    with pytest.raises(TimeoutError, match="INTERNAL span 2"):
        otlp_receiver.wait_for_trace(root.trace_id, timeout_s=0)
    later = threading.Timer(0.05, otlp_receiver.add, [[root]])
    later.start()
    assert otlp_receiver.wait_for_trace(root.trace_id, timeout_s=60).spans == [root, child]
    later.join()


def test_leaving_ends_kept_alive_connections_and_every_thread() -> None:
    with httpx.Client(timeout=60) as client:
        with OtlpReceiver() as receiver:
            assert client.get(receiver.page("0" * 32)).status_code == 200
        assert not [thread for thread in threading.enumerate() if thread.name == "otlp-receiver"]
        with pytest.raises(httpx.TransportError):
            client.get(receiver.page("0" * 32))


def test_a_client_that_is_gone_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with OtlpReceiver() as receiver:
        client = socket.create_connection(("127.0.0.1", int(receiver.endpoint.rsplit(":", 1)[1])))
        # So that closing it resets the connection, as the end of a process with unread data does.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        while not receiver._server.open:
            time.sleep(0.01)
        client.close()
    assert "Traceback" not in capfd.readouterr().err
