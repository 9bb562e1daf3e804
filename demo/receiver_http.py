"""The receiver's side of HTTP."""

from __future__ import annotations

import json
import re
import socket
import sys
import zlib
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, cast

from google.protobuf.message import DecodeError

from demo.log_records import read_logs
from demo.metrics import read_metrics
from demo.spans import read_spans
from demo.trace_page import trace_page

if TYPE_CHECKING:
    from demo.receiver import OtlpReceiver

__all__ = ("ReceiverServer",)

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest export that is read, before and after decompression."""
_TRACE_PATH = re.compile(r"/trace/([0-9a-f]{32})(\.json)?")
_PROTOBUF = "application/x-protobuf"
_SIGNALS = ("/v1/traces", "/v1/metrics", "/v1/logs")


class _RefusedError(Exception):
    """The request is not acceptable."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReceiverServer(ThreadingHTTPServer):
    """Serves a receiver on this machine alone.

    Closing it ends its kept-alive connections and waits for their threads.
    """

    daemon_threads = False

    def __init__(self, port: int, receiver: OtlpReceiver) -> None:
        self.receiver = receiver
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what went wrong, but for a client that has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """End the connections, then everything else."""
        for connection in tuple(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                continue
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo-receiver"
    disable_nagle_algorithm: ClassVar[bool] = True

    @property
    def _receiver(self) -> OtlpReceiver:
        return cast("ReceiverServer", self.server).receiver

    def setup(self) -> None:
        super().setup()
        cast("ReceiverServer", self.server).open.add(self.connection)

    def finish(self) -> None:
        cast("ReceiverServer", self.server).open.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Answer with a trace."""
        match = _TRACE_PATH.fullmatch(self.path)
        if match is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is /trace/{trace_id} and /trace/{trace_id}.json\n")
            return
        trace = self._receiver.trace(match[1])
        if match[2]:
            shown = {"trace_id": match[1], "complete": trace.complete, "spans": [asdict(span) for span in trace.spans]}
            self._answer(HTTPStatus.OK, "application/json", json.dumps(shown, default=bytes.hex).encode())
        else:
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", trace_page(match[1], trace).encode())

    def do_POST(self) -> None:
        """Take an export."""
        try:
            self._check_target()
            self._take(self._body())
        except _RefusedError as refusal:
            self.close_connection = True
            self._answer(refusal.status, "text/plain", f"{refusal}\n".encode())
        except DecodeError:
            self._answer(HTTPStatus.BAD_REQUEST, "text/plain", b"the body is no OTLP export request\n")
        else:
            self._answer(HTTPStatus.OK, _PROTOBUF, b"")  # an empty message: everything was accepted

    def _take(self, body: bytes) -> None:
        match self.path:
            case "/v1/traces":
                self._receiver.add(read_spans(body))
            case "/v1/metrics":
                self._receiver.add_metrics(read_metrics(body))
            case "/v1/logs":
                self._receiver.add_logs(read_logs(body))

    def _check_target(self) -> None:
        if self.path not in _SIGNALS:
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"{self.path} takes nothing; there is {', '.join(_SIGNALS)}")
        if self.headers.get_content_type() != _PROTOBUF:
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the receiver reads {_PROTOBUF} alone")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        if int(length) > MAX_BODY_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY_BYTES} bytes")
        body = self.rfile.read(int(length))
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding in {"gzip", "deflate"}:
            return _decompress(body)
        if encoding != "identity":
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding!r} is not known")
        return body

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Stay silent: standard error is the demo's."""


def _decompress(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by their header
    try:
        plain = stream.decompress(body, MAX_BODY_BYTES)
    except zlib.error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body is not what its Content-Encoding says") from None
    if stream.unconsumed_tail:
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY_BYTES} bytes")
    return plain
