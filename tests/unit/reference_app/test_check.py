from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parents[3]


def run_check(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_app.check", url]
    environment = {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


class Other(http.server.BaseHTTPRequestHandler):
    """Something that is not the API, or an API that makes no good reports."""

    accepted = 202
    report: Mapping[str, object] = MappingProxyType({})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(self.accepted, {"id": "r1", "trace_id": "t1"}, location="/reports/r1")

    def do_GET(self) -> None:
        self.answer(200, {"id": "r1", **self.report})

    def answer(self, status: int, body: object, location: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_not_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = run_check(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("The check failed: http://127.0.0.1:")
    assert "is not reached" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_what_is_no_url() -> None:
    ended = run_check("reports")
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert "reports is not reached" in ended.stderr


def test_what_refuses_the_file(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Other, "accepted", 404)
    assert run_check(other).stderr == "The check failed: the API refused the file with status 404\n"


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        ({"status": "failed"}, "the report r1 failed; its trace is t1"),
        ({"status": "complete", "rows": 1, "columns": []}, "the report r1 has other figures than the file"),
        ({"state": "?"}, "does not answer as the API does"),
        ({"status": "complete", "columns": 7}, "does not answer as the API does"),
        ({"status": "complete", "columns": ["a"]}, "does not answer as the API does"),
    ],
)
def test_what_makes_no_report(
    other: str, monkeypatch: pytest.MonkeyPatch, report: dict[str, object], sentence: str
) -> None:
    monkeypatch.setattr(Other, "report", report)
    ended = run_check(other)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
