"""Takes OTLP over HTTP and counts: spans and bytes of each service, and how long each kind of span took."""

from __future__ import annotations

import gzip
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Self, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("Counted", "SpanCounter")


@dataclass
class Counted:
    """What was exported of traces."""

    spans: int = 0
    plain_bytes: int = 0
    sent_bytes: int = 0
    """With gzip, as they were sent."""

    def __add__(self, other: Counted) -> Counted:
        return self._with(other, 1)

    def __sub__(self, other: Counted) -> Counted:
        return self._with(other, -1)

    def _with(self, other: Counted, sign: int) -> Counted:
        return Counted(
            self.spans + sign * other.spans,
            self.plain_bytes + sign * other.plain_bytes,
            self.sent_bytes + sign * other.sent_bytes,
        )


@dataclass
class _Seen:
    traces: dict[str, Counted] = field(default_factory=lambda: defaultdict(Counted))
    times: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


class SpanCounter:
    """Counts on a free port of this machine, from entering to leaving the context."""

    def __init__(self) -> None:
        self._seen = _Seen()
        self._server = _Server(self._seen)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="span-counter")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """The URL for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def counted(self, services: Iterable[str]) -> Counted:
        """Return what these services have sent so far."""
        with self._seen.lock:
            return sum((self._seen.traces[service] for service in services), Counted())

    def times_ns(self, name: str) -> list[tuple[int, int]]:
        """Return begin and end of each span of a name."""
        with self._seen.lock:
            return list(self._seen.times[name])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, seen: _Seen) -> None:
        self.seen = seen
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_POST(self) -> None:
        """Take an export; metrics and log records are taken and not counted."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self._count(body)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _count(self, body: bytes) -> None:
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        request = ExportTraceServiceRequest.FromString(plain)
        seen = cast("_Server", self.server).seen
        with seen.lock:
            # A process exports what is its own: one resource a request.
            service = _service(request)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    seen.traces[service].spans += len(scope.spans)
                    for span in scope.spans:
                        seen.times[span.name].append((span.start_time_unix_nano, span.end_time_unix_nano))
            seen.traces[service].plain_bytes += len(plain)
            seen.traces[service].sent_bytes += len(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Stay silent."""


def _service(request: ExportTraceServiceRequest) -> str:
    attributes = request.resource_spans[0].resource.attributes
    return next((item.value.string_value for item in attributes if item.key == "service.name"), "")
