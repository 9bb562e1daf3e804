"""Reports by real processes: one trace through all of them, and what happens when one dies or is told to end."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reference_app.check import CheckError, check

if TYPE_CHECKING:
    from demo.receiver import OtlpReceiver
    from tests.e2e.conftest import Deployment

pytestmark = pytest.mark.timeout(240)

PENGUINS = Path(__file__).parents[2] / "examples" / "data" / "penguins.csv"
WIDE = ("a,b,c,d,e,f\n" + "".join(f"{row},{row / 3},x{row},y,2024-01-01,{row % 7}\n" for row in range(40_000))).encode()
TIMEOUT_S = 60


def send(client: httpx.Client, data: bytes) -> dict[str, Any]:
    answer = client.post("/reports", content=data, headers={"content-type": "text/csv"})
    assert answer.status_code == 202, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


def follow(client: httpx.Client, report_id: str) -> dict[str, Any]:
    """Follow a report to its end."""
    with client.stream("GET", f"/reports/{report_id}/events") as answer:
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert told[-1]["status"] in {"complete", "failed"}
    report: dict[str, Any] = client.get(f"/reports/{report_id}").json()
    return report


def wait_for_a_column(client: httpx.Client, report_id: str) -> None:
    """Wait until a report's first column is analysed."""
    with client.stream("GET", f"/reports/{report_id}/events") as answer:
        for line in answer.iter_lines():
            # Eight steps: the split, six columns, the assembly.
            if line.startswith("data: ") and json.loads(line[6:])["progress"] >= 2 / 8:
                return


def test_the_check_finds_that_the_deployment_works(api: httpx.Client, otlp_receiver: OtlpReceiver) -> None:
    report = check(str(api.base_url), timeout_s=TIMEOUT_S)
    assert (report["status"], report["rows"]) == ("complete", 100)
    otlp_receiver.wait_for(
        lambda spans: any(span.trace_id == report["trace_id"] for span in spans), timeout_s=TIMEOUT_S
    )


def test_the_check_tells_that_no_worker_runs(deployment: Deployment) -> None:
    deployment.start_api()
    with pytest.raises(CheckError, match="is queued still: does a worker of each queue run"):
        check(deployment.url, timeout_s=1)


def test_a_report_is_one_trace_through_all_processes(api: httpx.Client, otlp_receiver: OtlpReceiver) -> None:
    for path in ("/health/live", "/health/ready", "/page/settings.json", "/page/files/page.js"):
        assert api.get(path).is_success
    sent = send(api, PENGUINS.read_bytes())
    report = follow(api, sent["id"])

    assert (report["status"], report["trace_id"]) == ("complete", sent["trace_id"])
    own = otlp_receiver.wait_for_trace(sent["trace_id"], timeout_s=TIMEOUT_S).spans
    assert sum(span.kind == "CONSUMER" for span in own) >= 10
    parents = {span.span_id: span for span in own}
    assert {span.service for span in own} == {"reference-api", "reference-worker-reports", "reference-worker-analysis"}
    assert [(span.name, span.kind) for span in own if not span.parent_id] == [("POST /reports", "SERVER")]
    for span in own:
        if span.kind == "CONSUMER":
            assert parents[span.parent_id or ""].kind == "PRODUCER"
    analysed = [span for span in own if span.name == "analyse cells"]
    assert len(analysed) == 8
    assert {parents[span.parent_id or ""].kind for span in analysed} == {"CONSUMER"}
    spans = otlp_receiver.spans()
    names = {span.name for span in spans if span.kind == "SERVER"}
    assert names <= {"POST /reports", "GET /reports/{report_id}", "GET /reports/{report_id}/events"}
    assert not [span for span in spans if span.name.endswith((" receive", " send"))]


def test_a_worker_that_is_killed_loses_no_report(deployment: Any) -> None:
    deployment.start_api()
    deployment.start_worker("reports")
    first = deployment.start_worker("analysis")
    with httpx.Client(base_url=deployment.url, timeout=TIMEOUT_S * 2, trust_env=False) as client:
        sent = [send(client, WIDE)["id"] for _ in range(6)]
        wait_for_a_column(client, sent[0])
        first.send_signal(signal.SIGKILL)
        first.wait()
        deployment.start_worker("analysis")

        reports = [follow(client, report_id) for report_id in sent]

    assert [report["status"] for report in reports] == ["complete"] * 6
    assert all(report["columns"] == reports[0]["columns"] for report in reports)


def test_the_api_ends_though_somebody_listens(deployment: Any) -> None:
    api = deployment.start_api()
    told: list[str] = []
    first = threading.Event()

    def listen() -> None:
        with httpx.stream(
            "GET", f"{deployment.url}/reports/{report_id}/events", timeout=None, trust_env=False
        ) as answer:
            for line in answer.iter_lines():
                told.append(line)
                first.set()

    with httpx.Client(base_url=deployment.url, timeout=TIMEOUT_S, trust_env=False) as client:
        report_id = send(client, b"a\n1\n")["id"]
    listener = threading.Thread(target=listen)
    listener.start()
    assert first.wait(TIMEOUT_S)

    api.terminate()

    assert api.wait(TIMEOUT_S) == -signal.SIGTERM
    listener.join(TIMEOUT_S)
    assert not listener.is_alive()
    assert not [line for line in told if line.startswith("event: complete")]
    assert '"Finished server process' in deployment.log("api")


def test_an_upload_far_beyond_the_limit_is_told_so(api: httpx.Client) -> None:
    answer = api.post("/reports", files={"file": ("a.csv", b"a\n" + b"1\n" * 20_000_000)})

    assert (answer.status_code, answer.json()["status_code"]) == (413, 413)


def test_lines_of_the_log_say_which_job_they_are_of(api: httpx.Client, deployment: Any) -> None:
    report_id = send(api, b"a\n1\n")["id"]
    follow(api, report_id)

    lines = [json.loads(line) for line in deployment.log("worker-analysis").splitlines() if line.startswith("{")]
    own = [line for line in lines if line.get("job_key") == f"column:{report_id}:0"]
    assert own
    assert {(line["function"], line["queue"], line["attempt"]) for line in own} == {("analyse_column", "analysis", 1)}
