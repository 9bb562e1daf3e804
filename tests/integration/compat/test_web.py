"""The page of one side shows what another side's client and worker do."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.integration.compat.conftest import PAIRS
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.compat.side import Field, Kind


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def web(request: pytest.FixtureRequest, field: Field, port: int, page: Kind) -> Iterator[httpx.Client]:
    """A browser at a side's page."""
    field.page(page, port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}{'' if page == 'saq' else '/saq'}", timeout=60) as client:

        def answers() -> bool:
            try:
                return client.get("/health").text == "OK"
            except httpx.TransportError:
                return False

        field.until(answers, "the page")
        yield client


def ask(web: httpx.Client, path: str) -> Any:
    response = web.get(path)
    response.raise_for_status()
    return response.json()


@pytest.mark.parametrize(("page", "worker"), PAIRS, ids=lambda kind: kind)
def test_a_page_shows_and_controls_the_other_sides_jobs(
    field: Field, web: httpx.Client, page: Kind, worker: Kind
) -> None:
    key = uuid.uuid4().hex
    client = field.client(worker)
    field.worker(worker)
    # A stock worker sweeps when it starts, also what it has only just fetched.
    field.until(lambda: client.info()["workers"], "the worker's sign of life")
    client.enqueue(function="hold", key=key, timeout=300, meta={"order": 7})
    field.until(lambda: field.records(key), "the start")

    def with_workers() -> Any:
        [queue] = ask(web, "/api/queues")["queues"]
        return queue["workers"] and queue

    queue = field.until(with_workers, "the worker's sign of life")
    assert (queue["name"], queue["active"], queue["queued"]) == (field.queue, 1, 0)
    [info] = queue["workers"].values()
    assert info["metadata"] == {"side": worker}
    [listed] = ask(web, f"/api/queues/{field.queue}")["queue"]["jobs"]
    assert (listed["key"], listed["function"], listed["status"]) == (key, "hold", "active")
    shown = ask(web, f"/api/queues/{field.queue}/jobs/{key}")["job"]
    assert (shown["key"], shown["status"], shown["meta"]) == (key, "active", {"order": 7})

    assert web.post(f"/api/queues/{field.queue}/jobs/{key}/abort").is_success
    assert field.status(client, key, "aborted")["error"] == "aborted from ui"
    field.release(key)
    assert web.post(f"/api/queues/{field.queue}/jobs/{key}/retry").is_success
    assert field.status(client, key, "complete")["result"] == "held"
    assert ask(web, f"/api/queues/{field.queue}/jobs/{key}")["job"]["result"] == "'held'"
