"""The counting receiver, spoken to as an exporter does."""

from __future__ import annotations

import gzip

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.scale.span_counter import Counted, SpanCounter


def export(service: str, *spans: tuple[str, int, int]) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for name, begin, end in spans:
        scope.spans.add(name=name, start_time_unix_nano=begin, end_time_unix_nano=end)
    return request.SerializeToString()


def test_spans_and_bytes_are_counted_by_service() -> None:
    plain, other = export("api", ("GET", 1, 2), ("job", 3, 9)), export("worker", ("job", 5, 6))
    packed = gzip.compress(plain)
    with SpanCounter() as counter, httpx.Client(base_url=counter.endpoint, trust_env=False) as client:
        answers = [
            client.post("/v1/traces", content=packed, headers={"Content-Encoding": "gzip"}),
            client.post("/v1/traces", content=other),
            client.post("/v1/metrics", content=b"what this is does not matter"),
        ]
        assert [answer.status_code for answer in answers] == [200] * 3
        api = Counted(spans=2, plain_bytes=len(plain), sent_bytes=len(packed))
        assert counter.counted(["api"]) == api
        assert counter.counted(["api", "worker"]) - api == Counted(1, len(other), len(other))
        assert counter.times_ns("job") == [(3, 9), (5, 6)]


@pytest.mark.parametrize("services", [[], ["unknown"]])
def test_of_nobody_nothing_is_counted(services: list[str]) -> None:
    with SpanCounter() as counter:
        assert counter.counted(services) == Counted()
