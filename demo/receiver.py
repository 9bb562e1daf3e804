"""A small OTLP/HTTP receiver: it keeps traces in memory and shows each as a page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Self

from demo.receiver_http import ReceiverServer
from demo.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from demo.spans import Span

__all__ = ("OtlpReceiver",)

KEPT_TRACES = 500
"""How many traces are kept; the oldest goes first."""


class OtlpReceiver:
    """Receives spans on a free port of this machine, from entering to leaving the context.

    `POST /v1/traces` takes them (protobuf, gzip or not). `GET /trace/{trace_id}` is a page
    with the tree of a trace, `GET /trace/{trace_id}.json` its spans.
    """

    def __init__(self, port: int = 0) -> None:
        self._traces: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._arrived = threading.Condition()
        self._server = ReceiverServer(port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="otlp-receiver")

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

    def page(self, trace_id: str) -> str:
        """Return the URL of a trace's page."""
        return f"{self.endpoint}/trace/{trace_id}"

    def add(self, spans: Iterable[Span]) -> None:
        """Keep spans; one that was sent twice is kept once."""
        with self._arrived:
            for span in spans:
                self._traces.setdefault(span.trace_id, {})[span.span_id] = span
            while len(self._traces) > KEPT_TRACES:
                self._traces.popitem(last=False)
            self._arrived.notify_all()

    def spans(self, trace_id: str | None = None) -> list[Span]:
        """Return the spans of one trace (of all by default), in the order of their arrival."""
        with self._arrived:
            if trace_id is not None:
                return list(self._traces.get(trace_id, {}).values())
            return [span for spans in self._traces.values() for span in spans.values()]

    def trace(self, trace_id: str) -> Trace:
        """Return what has arrived of a trace."""
        return Trace(self.spans(trace_id))

    def wait_for(self, condition: Callable[[list[Span]], bool], *, timeout_s: float) -> list[Span]:
        """Wait until all spans together meet a condition, and return them.

        Raises:
            TimeoutError: where they do not in time.
        """
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while not condition(spans := self.spans()):
                if not self._arrived.wait(deadline - time.monotonic()):
                    shown = ", ".join(f"{span.kind} {span.name}" for span in spans) or "none"
                    raise TimeoutError(f"after {timeout_s} s the spans are not what was waited for: {shown}")
            return spans

    def wait_for_trace(self, trace_id: str, *, timeout_s: float) -> Trace:
        """Wait until a trace is complete (`Trace.complete`), and return it.

        Raises:
            TimeoutError: where it is not in time.
        """
        self.wait_for(lambda _: self.trace(trace_id).complete, timeout_s=timeout_s)
        return self.trace(trace_id)
