"""The client against a stand-in for the API that answers as it is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from demo.client import ApiClient, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Answers = dict[str, list[tuple[int, bytes]]]


@pytest.fixture
def answers() -> Answers:
    """What is answered at each path, in turn."""
    return {}


@pytest.fixture
def api_url(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[self.path].pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_it_waits_until_the_api_is_ready(answers: Answers, api_url: str) -> None:
    answers["/health/ready"] = [(503, b""), (503, b""), (200, b"")]
    async with ApiClient(api_url) as api:
        await api.wait_until_ready()
    assert answers["/health/ready"] == []


@pytest.mark.parametrize(
    ("body", "sentence"),
    [(b'{"detail": "row 3 has 2 cells."}', "row 3 has 2 cells."), (b"Bad Gateway", "HTTP 502: Bad Gateway")],
)
async def test_a_refusal_is_the_sentence_of_the_api(
    answers: Answers, api_url: str, tmp_path: Path, body: bytes, sentence: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"a")
    answers["/reports"] = [(502, body)]
    async with ApiClient(api_url) as api:
        with pytest.raises(RefusedError) as error:
            await api.upload(path)
    assert str(error.value) == sentence


async def test_a_report_that_failed_says_why(answers: Answers, api_url: str) -> None:
    answers["/reports/7"] = [(200, json.dumps({"status": "failed", "error": "the data is gone"}).encode())]
    async with ApiClient(api_url) as api:
        with pytest.raises(RefusedError, match=r"^the data is gone$"):
            await api.report("7")


async def test_following_goes_on_after_a_lost_connection_and_ends_with_the_report(
    answers: Answers, api_url: str
) -> None:
    answers["/reports/7/events"] = [
        (200, b': hello\r\n\r\nevent: progress\r\ndata: {"status": "running"}\r\n\r\n'),
        (200, b'event: complete\r\ndata: {"status": "complete"}\r\n\r\ndata: {"status": "never read"}\r\n\r\n'),
    ]
    async with ApiClient(api_url) as api:
        states = [state["status"] async for state in api.follow("7")]
    assert states == ["running", "complete"]
