"""The trace's context in a job, across sides."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.compat.side import Field

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CARRIER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


def spans(path: Path, kind: str) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [span for span in map(json.loads, lines) if span["kind"] == f"SpanKind.{kind}"]


def test_our_traced_job_runs_on_stock_saq(field: Field, tmp_path: Path) -> None:
    client = field.client("ours", SPANS=str(tmp_path / "client"))
    field.hold_off_sweeps()
    field.worker("saq")
    key = uuid.uuid4().hex
    client.enqueue(function="show_job", key=key, meta={"order": 7})
    job = client.wait(key=key)
    [producer] = spans(tmp_path / "client", "PRODUCER")
    trace_id, span_id = (producer["context"][name].removeprefix("0x") for name in ("trace_id", "span_id"))
    assert job["meta"]["order"] == 7
    assert job["meta"]["_otel_context"]["traceparent"].startswith(f"00-{trace_id}-{span_id}-")
    assert job["result"]["meta"] == job["meta"]


def test_stock_litestar_saq_continues_our_trace(field: Field, tmp_path: Path) -> None:
    client = field.client("ours", SPANS=str(tmp_path / "client"))
    field.hold_off_sweeps()
    field.worker("v08", SPANS=str(tmp_path / "worker"))
    assert client.apply(function="add", a=1, b=2) == 3
    [producer] = spans(tmp_path / "client", "PRODUCER")
    [consumer] = field.until(lambda: spans(tmp_path / "worker", "CONSUMER"), "the stock worker's span")
    assert consumer["context"]["trace_id"] == producer["context"]["trace_id"]
    assert consumer["parent_id"] == producer["context"]["span_id"]


def test_we_continue_a_trace_that_another_side_wrote(field: Field, tmp_path: Path) -> None:
    client = field.client("saq")
    field.worker("ours", SPANS=str(tmp_path / "worker"))
    key = uuid.uuid4().hex
    client.enqueue(function="add", key=key, kwargs={"a": 1, "b": 2}, meta={"_otel_context": CARRIER})
    assert client.wait(key=key)["result"] == 3
    [consumer] = field.until(lambda: spans(tmp_path / "worker", "CONSUMER"), "our worker's span")
    assert consumer["context"]["trace_id"] == f"0x{TRACE}"
    assert consumer["parent_id"] == f"0x{SPAN}"
