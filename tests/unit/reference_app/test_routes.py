from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis

from reference_app.server import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FILE = b"name,size\nada,1\ngrace,2\n"
CSV = {"content-type": "text/csv"}


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_an_upload_is_accepted_and_found(client: httpx.AsyncClient) -> None:
    answer = await client.post("/reports", files={"file": ("a.csv", FILE)})

    assert answer.status_code == 202
    report_id = answer.json()["id"]
    assert answer.json() == {"id": report_id, "status": "queued", "trace_id": None}
    assert answer.headers["location"] == f"/reports/{report_id}"
    assert (await client.get(answer.headers["location"])).json() == {
        "id": report_id,
        "status": "queued",
        "progress": 0.0,
        "rows": 2,
        "columns": [],
        "trace_id": None,
        "error": None,
    }


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV", "application/csv"])
async def test_a_body_is_as_good_as_a_form(client: httpx.AsyncClient, workers: None, content_type: str) -> None:
    locations = [
        (await client.post("/reports", files={"file": ("a.csv", FILE)})).headers["location"],
        (await client.post("/reports", files={"file": (None, FILE)})).headers["location"],
        (await client.post("/reports", content=FILE, headers={"content-type": content_type})).headers["location"],
    ]
    for location in locations:
        await client.get(f"{location}/events")

    first, *others = [(await client.get(location)).json()["columns"] for location in locations]
    assert [column["name"] for column in first] == ["name", "size"]
    assert others == [first, first]


async def test_an_upload_becomes_a_report(client: httpx.AsyncClient, workers: None) -> None:
    location = (await client.post("/reports", content=FILE, headers=CSV)).headers["location"]

    told = events((await client.get(f"{location}/events")).text)

    assert [name for name, _ in told[:-1]] == ["progress"] * (len(told) - 1)
    assert told[-1][0] == "complete"
    steps = [event["progress"] for _, event in told]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0.0, 1.0) or steps[-1] == 1.0
    report = (await client.get(location)).json()
    assert {name: report[name] for name in ("status", "progress", "rows", "error")} == {
        "status": "complete",
        "progress": 1.0,
        "rows": 2,
        "error": None,
    }
    assert report["columns"] == [
        {
            "name": "name",
            "type": "string",
            "count": 2,
            "nulls": 0,
            "distinct": 2,
            "min": "ada",
            "max": "grace",
            "mean": None,
            "top": [{"value": "ada", "count": 1}, {"value": "grace", "count": 1}],
        },
        {
            "name": "size",
            "type": "integer",
            "count": 2,
            "nulls": 0,
            "distinct": 2,
            "min": 1,
            "max": 2,
            "mean": 1.5,
            "top": [{"value": 1, "count": 1}, {"value": 2, "count": 1}],
        },
    ]


async def test_a_report_that_is_finished_tells_so_again(client: httpx.AsyncClient, workers: None) -> None:
    location = (await client.post("/reports", content=FILE, headers=CSV)).headers["location"]
    await client.get(f"{location}/events")

    answer = await client.get(f"{location}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [(name, event["status"], event["progress"]) for name, event in events(answer.text)] == [
        ("complete", "complete", 1.0)
    ]


async def test_integers_of_64_bits_are_exact_in_json(client: httpx.AsyncClient, workers: None) -> None:
    file = b"n\n18446744073709551615\n-9223372036854775808\n9007199254740993\n"
    location = (await client.post("/reports", content=file, headers=CSV)).headers["location"]
    await client.get(f"{location}/events")

    text = (await client.get(location)).text

    assert '"min":-9223372036854775808,"max":18446744073709551615' in text
    assert '"value":9007199254740993' in text


async def test_a_header_alone_is_a_report(client: httpx.AsyncClient, workers: None) -> None:
    location = (await client.post("/reports", content=b"a,b\n", headers=CSV)).headers["location"]
    await client.get(f"{location}/events")

    report = (await client.get(location)).json()

    assert (report["status"], report["rows"], [column["count"] for column in report["columns"]]) == (
        "complete",
        0,
        [0, 0],
    )


async def test_a_chart_is_an_image_that_can_do_nothing(client: httpx.AsyncClient, workers: None) -> None:
    location = (await client.post("/reports", content=FILE, headers=CSV)).headers["location"]
    early = await client.get(f"{location}/columns/0/chart.svg")
    await client.get(f"{location}/events")

    chart = await client.get(f"{location}/columns/0/chart.svg")

    assert early.status_code in {200, 404}
    assert (chart.status_code, chart.headers["content-type"]) == (200, "image/svg+xml")
    assert chart.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert b"<svg" in chart.content
    assert (await client.get(f"{location}/columns/2/chart.svg")).status_code == 404


REFUSED: dict[str, tuple[int, dict[str, Any], str]] = {
    "empty": (400, {"content": b"", "headers": CSV}, "The file is empty"),
    "an empty file": (400, {"files": {"file": ("a.csv", b"")}}, "The file is empty"),
    "no file": (400, {"files": {"other": ("a.csv", FILE)}}, "no file in the field 'file'"),
    "not text": (400, {"content": b"a,b\n\xff,1", "headers": CSV}, "not text .* row 2"),
    "ragged": (400, {"files": {"file": ("a.csv", b"a,b\n1,2\n3\n")}}, "^Row 3 has 1 cell"),
    "no header": (400, {"content": b"1,2\n3,4\n", "headers": CSV}, "no header"),
    "a name twice": (400, {"content": b"a,a\n1,2\n", "headers": CSV}, "'a' twice"),
    "too many columns": (400, {"content": b",".join(b"c%d" % i for i in range(1001)), "headers": CSV}, "at most 1000"),
    "too large": (413, {"content": b"a\n" + b"1\n" * 600, "headers": CSV}, "larger than the 1000 bytes"),
    "too large a form": (413, {"files": {"file": ("a.csv", b"a\n" + b"1\n" * 600)}}, "larger than the 1000 bytes"),
    "far too large": (413, {"content": b"a" * 200_000, "headers": CSV}, "larger than the 1000 bytes"),
    "far too large a form": (413, {"files": {"file": ("a.csv", b"a" * 200_000)}}, "larger than the 1000 bytes"),
    "no type": (415, {"content": FILE}, "multipart/form-data"),
    "json": (415, {"json": {"a": 1}}, "application/json"),
    "no boundary": (400, {"content": FILE, "headers": {"content-type": "multipart/form-data"}}, "boundary"),
    "no form": (400, {"content": FILE, "headers": {"content-type": "multipart/form-data; boundary=x"}}, "form-data"),
    "a field that is no text": (
        400,
        {
            "content": b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\n\xff\r\n--x--',
            "headers": {"content-type": "multipart/form-data; boundary=x"},
        },
        "not text",
    ),
}


@pytest.fixture
def small_limit(environment: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "large" in request.node.name:
        monkeypatch.setenv("MAX_UPLOAD_BYTES", "1000")


@pytest.mark.parametrize(("status", "sent", "sentence"), REFUSED.values(), ids=REFUSED)
async def test_what_can_not_be_taken_is_refused_with_a_sentence(
    small_limit: None,
    client: httpx.AsyncClient,
    valkey: str,
    status: int,
    sent: dict[str, Any],
    sentence: str,
) -> None:
    answer = await client.post("/reports", **sent)

    assert answer.status_code == status
    said = answer.json()
    assert said == {"detail": said["detail"], "status_code": status}
    assert re.search(sentence, said["detail"])
    assert "Traceback" not in answer.text
    with redis.Redis.from_url(valkey) as stored:
        assert not stored.keys("report*")


async def test_a_file_of_just_the_limit_is_taken(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 20 * 1024 * 1024
    file = b"a\n" + b"1\n" * (limit // 2 - 1)

    assert len(file) == limit
    assert (await client.post("/reports", content=file, headers=CSV)).status_code == 202
    assert (await client.post("/reports", files={"file": ("a.csv", file)})).status_code == 202
    assert (await client.post("/reports", content=file + b"1", headers=CSV)).status_code == 413


@pytest.mark.parametrize(
    "path", ["", "/events", "/columns/0/chart.svg"], ids=["the report", "its events", "its charts"]
)
@pytest.mark.parametrize("report_id", ["nope", "0" * 32, "..%2f..", "%00", "x" * 5000])
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, report_id: str, path: str) -> None:
    answer = await client.get(f"/reports/{report_id}{path}")

    assert answer.status_code == 404
    assert set(answer.json()) == {"detail", "status_code"}
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/reports", 405)])
async def test_other_errors_are_of_the_same_form(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert set(answer.json()) == {"detail", "status_code"}


async def test_the_process_is_live_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_the_api_is_described(client: httpx.AsyncClient) -> None:
    document = (await client.get("/schema")).json()

    assert document["openapi"].startswith("3")
    assert set(document["paths"]) == {
        "/reports",
        "/reports/{report_id}",
        "/reports/{report_id}/events",
        "/reports/{report_id}/columns/{index}/chart.svg",
        "/health/live",
        "/health/ready",
    }
    assert set(document["paths"]["/reports"]["post"]["requestBody"]["content"]) == {"multipart/form-data", "text/csv"}
    assert (await client.get("/schema/openapi.json")).json() == document
    assert (await client.get("/schema/openapi.yaml")).status_code == 200


async def test_the_page_and_its_files(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await client.get("/")

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name, kind in [("page.css", "text/css"), ("page.js", "javascript"), ("icon.svg", "image/svg+xml")]:
        assert f"/page/files/{name}" in page.text
        assert kind in (await client.get(f"/page/files/{name}")).headers["content-type"]
    assert (await client.get("/page/settings.json")).json() == {"trace_url": None, "max_upload_bytes": 20971520}


@pytest.fixture
async def without_broker(environment: None, own_logging: None) -> AsyncIterator[httpx.AsyncClient]:
    """The application, beside a socket that accepts and never answers."""
    with socket.socket() as silent, pytest.MonkeyPatch.context() as patch:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        patch.setenv("REDIS_URL", f"redis://:a-secret@127.0.0.1:{silent.getsockname()[1]}")
        patch.setenv("READY_TIMEOUT_S", "0.2")
        patch.setattr("reference_app.routes.STORE_S", 0.2)
        transport = httpx.ASGITransport(app=create_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:
            yield client


async def test_without_a_broker_it_is_live_and_not_ready(without_broker: httpx.AsyncClient) -> None:
    assert (await without_broker.get("/health/live")).status_code == 200
    ready = await without_broker.get("/health/ready")
    assert (ready.status_code, ready.json()["detail"]) == (
        503,
        "The broker does not answer: not within 0.2 seconds.",
    )


async def test_without_a_broker_it_says_so(without_broker: httpx.AsyncClient) -> None:
    upload = await without_broker.post("/reports", content=FILE, headers=CSV)
    report = await without_broker.get(f"/reports/{'0' * 32}")

    for answer in (upload, report):
        assert (answer.status_code, answer.json()["detail"]) == (
            503,
            "The broker does not answer at the moment; try again in a while.",
        )
        assert "a-secret" not in answer.text
