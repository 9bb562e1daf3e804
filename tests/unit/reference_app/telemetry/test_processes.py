"""The API and its workers as they are deployed, and what they export."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reference_app.reading import check_file
from reference_app.steps import analysis_step, enqueue_step, split_step
from tests.ports import free_port

if TYPE_CHECKING:
    from demo.receiver import OtlpReceiver
    from litestar_saq import TaskQueues
    from reference_app.store import Store

pytestmark = pytest.mark.timeout(240)

Start = Callable[..., subprocess.Popen[str]]

LITESTAR = ("-m", "litestar", "--app", "patient_server:create_app")
AS_DEPLOYED = ("-m", "litestar", "--app", "reference_app.server:create_app")
FILE = (Path(__file__).parents[4] / "examples" / "data" / "penguins.csv").read_bytes()
REPORT = "0" * 32
COLUMNS = 8
TIMEOUT_S = 60


async def upload(store: Store) -> None:
    await store.create(REPORT, FILE, check_file(FILE, max_columns=10), trace_id=None, ttl_s=3600)


def wait_for_the_report(otlp_receiver: OtlpReceiver) -> None:
    """Wait until its last job is told of; spans are exported every few moments."""
    otlp_receiver.wait_for(
        lambda spans: any(
            span.kind == "CONSUMER" and span.attributes.get("saq.job.function") == "assemble_report" for span in spans
        ),
        timeout_s=TIMEOUT_S,
    )


def end(process: subprocess.Popen[str]) -> tuple[float, str]:
    """Tell a process to end; return how long it took, and what it has written to standard error."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode in {0, -signal.SIGTERM}, errors
    return time.monotonic() - began, errors


async def test_workers_export_all_that_they_have_recorded_before_they_end(
    start: Start,
    broker: str,
    store: Store,
    queues: TaskQueues,
    otlp_receiver: OtlpReceiver,
    exporting: dict[str, str],
) -> None:
    await upload(store)
    await enqueue_step(queues, split_step(REPORT))
    # Two queues, so that both workers are forks; no metric would be exported for an hour.
    run = (*LITESTAR, "workers", "run", "--queues", "reports,analysis")
    workers = start(
        *run, REDIS_URL=broker, OTEL_METRIC_EXPORT_INTERVAL="3600000", OTEL_BSP_SCHEDULE_DELAY="100", **exporting
    )
    wait_for_the_report(otlp_receiver)
    assert otlp_receiver.metrics() == []

    _, errors = end(workers)

    runs = [span for span in otlp_receiver.spans() if span.kind == "CONSUMER"]
    assert len(runs) == COLUMNS + 2
    assert {span.service for span in runs} == {"reference-worker-reports", "reference-worker-analysis"}
    assert len({span.resource["service.instance.id"] for span in runs}) == 2
    durations = otlp_receiver.metrics("messaging.process.duration")
    assert sum(metric.count for metric in durations) == COLUMNS + 2
    exemplars = {exemplar.span_id for metric in durations for exemplar in metric.exemplars}
    assert exemplars <= {span.span_id for span in runs}
    assert exemplars
    finished = [log for log in otlp_receiver.logs() if str(log.body).startswith("Finished Job")]
    ids = {(span.trace_id, span.span_id): span for span in runs}
    assert {(log.trace_id, log.span_id) for log in finished} == ids.keys()
    for log in finished:
        span = ids[log.trace_id or "", log.span_id or ""]
        assert log.attributes == {
            "job_key": span.attributes["messaging.message.id"],
            "function": span.attributes["saq.job.function"],
            "queue": span.attributes["messaging.destination.name"],
            "attempt": 1,
        }
    assert "Traceback" not in errors


async def test_commands_to_redis_are_under_the_jobs_that_send_them(
    start: Start, broker: str, store: Store, queues: TaskQueues, otlp_receiver: OtlpReceiver
) -> None:
    await upload(store)
    await enqueue_step(queues, split_step(REPORT))
    run = (*LITESTAR, "workers", "run", "--queues", "reports,analysis")
    workers = start(
        *run,
        REDIS_URL=broker,
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint,
    )
    wait_for_the_report(otlp_receiver)
    end(workers)

    spans = {span.span_id: span for span in otlp_receiver.spans()}
    commands = [span for span in spans.values() if span.attributes.get("db.system") == "redis"]
    assert {span.kind for span in commands} == {"CLIENT"}
    # What is polled has no spans, and so no trace of its own.
    assert not [span.name for span in commands if span.parent_id not in spans]
    splitting = next(
        span for span in commands if spans[span.parent_id or ""].name == "split file" and "HSET" in span.name
    )
    assert splitting.name == "HSET EXPIREAT"
    assert splitting.attributes["db.statement"] == "HSET ? ? ?\nEXPIREAT ? ?"


async def test_a_job_that_fails_is_logged_with_its_exception(
    start: Start, broker: str, store: Store, queues: TaskQueues, otlp_receiver: OtlpReceiver
) -> None:
    await upload(store)
    await enqueue_step(queues, analysis_step(REPORT, 0))  # there are no cells: nothing was split
    run = (*LITESTAR, "workers", "run", "--queues", "analysis")
    start(*run, REDIS_URL=broker, OTEL_BLRP_SCHEDULE_DELAY="100", OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint)

    logs = otlp_receiver.wait_for_logs(lambda logs: any(log.severity == "ERROR" for log in logs), timeout_s=TIMEOUT_S)

    failed = next(log for log in logs if log.severity == "ERROR")
    assert str(failed.body).startswith("Error processing job Job<function: analyse_column")
    assert REPORT not in str(failed.body).replace(f"column:{REPORT}:0", "")
    assert (failed.attributes["exception.type"], failed.attributes["attempt"]) == ("SourceLostError", 1)
    assert failed.trace_id


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def port() -> int:
    return free_port()


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not ready(url):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_api_tells_of_requests_and_of_nothing_that_only_looks(
    start: Start, broker: str, port: int, otlp_receiver: OtlpReceiver
) -> None:
    url = f"http://127.0.0.1:{port}"
    run = (*LITESTAR, "run", "--port", str(port))
    api = start(*run, REDIS_URL=broker, OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint)
    wait_until_ready(url)
    with httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        sent = client.post("/reports", content=FILE, headers={"content-type": "text/csv"}).json()
        with client.stream("GET", f"/reports/{sent['id']}/events") as events:
            next(events.iter_lines())
    end(api)

    spans = otlp_receiver.spans()
    roots = {span.span_id: span.name for span in spans if span.parent_id is None}
    assert sorted(roots.values()) == ["GET /reports/{report_id}/events", "POST /reports"]
    assert {span.service for span in spans} == {"reference-api"}
    under_events = [span for span in spans if roots.get(span.parent_id or "") == "GET /reports/{report_id}/events"]
    assert len(under_events) == 1
    (sent_messages,) = otlp_receiver.metrics("messaging.client.sent.messages")
    assert (sent_messages.value, sent_messages.service) == (1, "reference-api")
    requests = otlp_receiver.metrics("http.server.duration")
    assert sum(metric.count for metric in requests) == 2
    enqueuing = next(log for log in otlp_receiver.logs(sent["trace_id"]) if log.scope == "saq")
    assert str(enqueuing.body).startswith("Enqueuing Job<function: split_report")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_hangs_delays_no_request_no_job_and_no_end_by_much(
    start: Start, broker: str, port: int, silent_port: int, protocol: str
) -> None:
    url = f"http://127.0.0.1:{port}"
    environment: dict[str, Any] = {
        "REDIS_URL": broker,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
        # So that they hang all the time.
        **dict.fromkeys(("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"), "50"),
    }
    api = start(*AS_DEPLOYED, "run", "--port", str(port), **environment)
    workers = [
        start(*AS_DEPLOYED, "workers", "run", "--queues", name, **environment) for name in ("reports", "analysis")
    ]
    wait_until_ready(url)
    with httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        began = time.monotonic()
        sent = client.post("/reports", content=FILE, headers={"content-type": "text/csv"}).json()
        took_s = time.monotonic() - began
        with client.stream("GET", f"/reports/{sent['id']}/events") as events:
            told = [line for line in events.iter_lines() if line.startswith("event: ")]
    assert took_s < 40  # an export is given up after 100 s
    assert told[-1] == "event: complete"

    for process in (api, *workers):
        took_s, errors = end(process)
        # The flush has 3 seconds, the end of a process itself takes its time; each of three exporters would take 100 s.
        assert took_s < 40
        assert "telemetry was not exported within 3.0 s" in errors
        assert sum('"logger": "opentelemetry.' in line for line in errors.splitlines()) < 8
