"""A small OTLP/HTTP receiver: it keeps traces, metrics and logs in memory and shows each trace as a page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

from demo.receiver_http import ReceiverServer
from demo.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from demo.log_records import Log
    from demo.metrics import Metric
    from demo.spans import Span

__all__ = ("OtlpReceiver",)

KEPT_TRACES = 500
"""How many traces are kept; the oldest goes first."""
KEPT_SERIES = 5_000
"""How many series of metrics are kept; the one that was told longest ago goes first."""
KEPT_EXEMPLARS = 100
"""How many exemplars of a series are kept; the oldest go first."""
KEPT_LOGS = 10_000
"""How many log records are kept; the oldest go first."""

T = TypeVar("T")


class OtlpReceiver:
    """Receives telemetry on a free port of this machine, from entering to leaving the context.

    `POST /v1/traces`, `/v1/metrics` and `/v1/logs` take it (protobuf, gzip or not).
    `GET /trace/{trace_id}` is a page with the tree of a trace, `GET /trace/{trace_id}.json` its spans.
    """

    def __init__(self, port: int = 0) -> None:
        self._traces: OrderedDict[str, dict[str, Span]] = OrderedDict()
        self._metrics: OrderedDict[tuple[str, ...], Metric] = OrderedDict()
        self._logs: deque[Log] = deque(maxlen=KEPT_LOGS)
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

    def add_metrics(self, metrics: Iterable[Metric]) -> None:
        """Keep the last state of each series, and the exemplars of all: each is told once."""
        with self._arrived:
            for metric in metrics:
                known = self._metrics.pop(series := metric.series, None)
                exemplars = (*(known.exemplars if known else ()), *metric.exemplars)
                self._metrics[series] = replace(metric, exemplars=exemplars[-KEPT_EXEMPLARS:])
            while len(self._metrics) > KEPT_SERIES:
                self._metrics.popitem(last=False)
            self._arrived.notify_all()

    def add_logs(self, logs: Iterable[Log]) -> None:
        """Keep log records."""
        with self._arrived:
            self._logs.extend(logs)
            self._arrived.notify_all()

    def metrics(self, name: str | None = None) -> list[Metric]:
        """Return the last state of each series of one metric (of all by default)."""
        with self._arrived:
            return [metric for metric in self._metrics.values() if name in {None, metric.name}]

    def logs(self, trace_id: str | None = None) -> list[Log]:
        """Return the log records of one trace (all by default), in the order of their arrival."""
        with self._arrived:
            return [log for log in self._logs if trace_id in {None, log.trace_id}]

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
        return self._wait(self.spans, condition, lambda span: f"{span.kind} {span.name}", timeout_s)

    def wait_for_metrics(self, condition: Callable[[list[Metric]], bool], *, timeout_s: float) -> list[Metric]:
        """Wait until all metrics together meet a condition, and return them.

        Raises:
            TimeoutError: where they do not in time.
        """
        return self._wait(self.metrics, condition, lambda metric: f"{metric.service} {metric.name}", timeout_s)

    def wait_for_logs(self, condition: Callable[[list[Log]], bool], *, timeout_s: float) -> list[Log]:
        """Wait until all log records together meet a condition, and return them.

        Raises:
            TimeoutError: where they do not in time.
        """
        return self._wait(self.logs, condition, lambda log: f"{log.severity} {log.body}", timeout_s)

    def _wait(
        self,
        look: Callable[[], list[T]],
        condition: Callable[[list[T]], bool],
        show: Callable[[T], str],
        timeout_s: float,
    ) -> list[T]:
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while not condition(found := look()):
                if not self._arrived.wait(deadline - time.monotonic()):
                    shown = ", ".join(map(show, found)) or "nothing"
                    raise TimeoutError(f"after {timeout_s} s what has arrived is not what was waited for: {shown}")
            return found

    def wait_for_trace(self, trace_id: str, *, timeout_s: float) -> Trace:
        """Wait until a trace is complete (`Trace.complete`), and return it.

        Raises:
            TimeoutError: where it is not in time.
        """
        self.wait_for(lambda _: self.trace(trace_id).complete, timeout_s=timeout_s)
        return self.trace(trace_id)
