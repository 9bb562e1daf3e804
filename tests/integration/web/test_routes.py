from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import saq
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException
from litestar.testing import TestClient
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from saq.job import Status

from litestar_saq import Job, QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.brokers.redis import RedisQueue
from litestar_saq.testing import InMemoryQueue, run_until_empty
from litestar_saq.web.page import render_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.connection import ASGIConnection
    from litestar.handlers.base import BaseRouteHandler

SAQ_FILES = Path(saq.__file__).parent / "web" / "static"
API_PATHS = ("/api/queues", "/api/queues/default", "/api/queues/default/jobs/k", "/health")
PAGE_PATHS = ("", "/", "/queues/default", "/queues/default/jobs/k")


async def add(_ctx: Any, a: int, b: int) -> int:
    return a + b


async def fail(_ctx: Any) -> None:
    raise RuntimeError("on purpose")


def refuse(_connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    raise NotAuthorizedException("not you")


@pytest.fixture
def queue() -> InMemoryQueue:
    return InMemoryQueue()


def build_app(*queues: Any, app: dict[str, Any] | None = None, **config: Any) -> Litestar:
    by_name = {queue.name: queue for queue in queues}
    plugin = SAQPlugin(SAQConfig(queue_instances=by_name, web_enabled=True, **{"web_guards": [], **config}))
    return Litestar(plugins=[plugin], **(app or {}))


@pytest.fixture
def client(queue: InMemoryQueue) -> Any:
    with TestClient(build_app(queue)) as client:
        yield client


async def finish(queue: InMemoryQueue, function: Callable[..., Any], **fields: Any) -> Job:
    await queue.enqueue(function.__name__, **fields)
    [job] = await run_until_empty(queue, [function])
    return job


async def start(queue: InMemoryQueue, **fields: Any) -> Job:
    await queue.enqueue("add", key="k", **fields)
    job = await queue.dequeue()
    assert job is not None
    job.started = int(time.time() * 1000)
    await job.update(status=Status.ACTIVE)
    return job


class TestQueues:
    async def test_list(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await queue.enqueue("add", a=1, b=2)
        await queue.worker_info("w", queue_key="default", metadata={"room": 1})
        [shown] = client.get("/saq/api/queues").json()["queues"]
        assert (shown["name"], shown["queued"], shown["jobs"]) == ("default", 1, [])
        assert shown["workers"]["w"]["metadata"] == {"room": 1}

    async def test_detail_shows_jobs_with_arguments_as_text(
        self, queue: InMemoryQueue, client: TestClient[Litestar]
    ) -> None:
        # An object would be taken by the page's script for how to build an element.
        await queue.enqueue("add", key="k", kwargs={"props": {"innerHTML": "<img>"}})
        shown = client.get("/saq/api/queues/default").json()["queue"]
        assert [job["key"] for job in shown["jobs"]] == ["k"]
        assert shown["jobs"][0]["kwargs"] == "{'props': {'innerHTML': '<img>'}}"

    def test_an_unknown_queue(self, client: TestClient[Litestar]) -> None:
        response = client.get("/saq/api/queues/other")
        assert response.status_code == 404
        assert response.json()["detail"] == "no queue is named 'other'; configured queues: default"

    def test_nothing_is_kept_by_a_browser(self, client: TestClient[Litestar]) -> None:
        for path in ("/saq", "/saq/api/queues"):
            assert client.get(path).headers["cache-control"] == "no-store"


class TestJobs:
    async def test_detail(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await finish(queue, add, key="k", a=1, b=2, meta={"user": 7})
        shown = client.get("/saq/api/queues/default/jobs/k").json()["job"]
        assert shown["kwargs"] == "{'a': 1, 'b': 2}"
        assert shown["result"] == "3"
        assert (shown["function"], shown["queue"], shown["status"]) == ("add", "default", "complete")
        assert shown["meta"] == {"user": 7}

    @pytest.mark.parametrize("path", ["/saq/api/queues/default", "/saq/api/queues/default/jobs/k"])
    async def test_the_trace_context_is_not_shown(
        self, queue: InMemoryQueue, client: TestClient[Litestar], path: str
    ) -> None:
        await queue.enqueue("add", key="k", meta={"_otel_context": {"traceparent": "00-secret"}})
        response = client.get(path)
        assert response.status_code == 200
        assert "secret" not in response.text
        assert "meta" not in response.text

    async def test_the_stored_meta_is_left_alone(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await queue.enqueue("add", key="k", meta={"_otel_context": {"traceparent": "00"}})
        client.get("/saq/api/queues/default/jobs/k")
        stored = await queue.job("k")
        assert stored is not None
        assert stored.meta == {"_otel_context": {"traceparent": "00"}}

    @pytest.mark.parametrize(("method", "action"), [("GET", ""), ("POST", "/retry"), ("POST", "/abort")])
    def test_unknown_ones(self, client: TestClient[Litestar], method: str, action: str) -> None:
        response = client.request(method, f"/saq/api/queues/default/jobs/none{action}")
        assert response.status_code == 404
        assert response.json()["detail"] == "queue 'default' has no job 'none'; it may have expired"
        assert client.request(method, f"/saq/api/queues/other/jobs/k{action}").status_code == 404


class TestRetry:
    async def test_a_failed_job_is_queued_again(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await finish(queue, fail, key="k")
        response = client.post("/saq/api/queues/default/jobs/k/retry")
        assert (response.status_code, response.json()) == (202, {})
        stored = await queue.job("k")
        assert stored is not None
        assert (stored.status, stored.error) == (Status.QUEUED, "retried from ui")
        assert await queue.count("queued") == 1

    @pytest.mark.parametrize("status", ["queued", "active"])
    async def test_a_job_that_is_there_is_not_put_in_twice(
        self, queue: InMemoryQueue, client: TestClient[Litestar], status: str
    ) -> None:
        if status == "queued":
            await queue.enqueue("add", key="k")
        else:
            await start(queue)
        response = client.post("/saq/api/queues/default/jobs/k/retry")
        assert response.status_code == 409
        expected = f"job 'k' is {status}: only a job that is complete, failed or aborted can be retried"
        assert response.json()["detail"] == expected
        assert await queue.count("queued") == (status == "queued")

    async def test_an_abort_that_nobody_answers_can_be_overruled(
        self, queue: InMemoryQueue, client: TestClient[Litestar]
    ) -> None:
        job = await start(queue, timeout=100)
        await job.abort("enough")
        assert client.post("/saq/api/queues/default/jobs/k/retry").status_code == 409
        stored = await queue.job("k")
        assert stored is not None
        stored.started -= 200_000
        await stored.update()
        assert client.post("/saq/api/queues/default/jobs/k/retry").status_code == 202


class TestAbort:
    async def test_a_waiting_job(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await queue.enqueue("add", key="k")
        response = client.post("/saq/api/queues/default/jobs/k/abort")
        assert (response.status_code, response.json()) == (202, {})
        stored = await queue.job("k")
        assert stored is not None
        assert (stored.status, stored.error) == (Status.ABORTED, "aborted from ui")

    async def test_a_running_job(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await start(queue)
        assert client.post("/saq/api/queues/default/jobs/k/abort").status_code == 202
        stored = await queue.job("k")
        assert stored is not None
        assert stored.status == Status.ABORTING

    async def test_a_finished_job(self, queue: InMemoryQueue, client: TestClient[Litestar]) -> None:
        await finish(queue, add, key="k", a=1, b=2)
        response = client.post("/saq/api/queues/default/jobs/k/abort")
        assert response.status_code == 409
        assert response.json()["detail"] == "job 'k' is complete: only a job that waits or runs can be aborted"


class TestHealth:
    def test_all_is_well(self, client: TestClient[Litestar]) -> None:
        response = client.get("/saq/health")
        assert (response.status_code, response.text) == (200, "OK")
        assert response.headers["content-type"].startswith("text/plain")

    def test_a_broker_that_is_down(self, queue: InMemoryQueue) -> None:
        down = RedisQueue(Redis(host="127.0.0.1", port=1, password="hunter2", retry=Retry(NoBackoff(), 0)), name="down")
        with TestClient(build_app(queue, down), raise_server_exceptions=False) as client:
            response = client.get("/saq/health")
            assert (response.status_code, response.text) == (500, "Service Unavailable")
            response = client.get("/saq/api/queues/down")
            assert response.status_code == 503
            assert response.json()["detail"] == "the broker of queue 'down' can't be reached"
            assert client.get("/saq/api/queues/default").status_code == 200

    def test_no_queues_at_all(self) -> None:
        with TestClient(build_app()) as client:
            assert client.get("/saq/health").status_code == 500
            assert client.get("/saq/api/queues").json() == {"queues": []}


class TestPage:
    @pytest.mark.parametrize("path", PAGE_PATHS)
    @pytest.mark.parametrize("web_path", ["/saq", "/admin/ops/saq", "/saq/", "/queues", "/"])
    def test_each_address_shows_it(self, queue: InMemoryQueue, web_path: str, path: str) -> None:
        root = web_path.rstrip("/")
        with TestClient(build_app(queue, web_path=web_path)) as client:
            response = client.get(f"{root}{path}")
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/html")
            assert f'data-root-path="{root}"' in response.text
            for name in ("pico.min.css", "snabbdom.js", "before-app.js", "app.js"):
                assert f'"{root}/static/{name}"' in response.text
                assert client.get(f"{root}/static/{name}").status_code == 200

    def test_it_knows_where_the_application_is_mounted(self, queue: InMemoryQueue) -> None:
        with TestClient(build_app(queue), root_path="/behind/proxy") as client:
            assert 'data-root-path="/behind/proxy/saq"' in client.get("/saq").text

    def test_what_is_put_into_it_is_escaped(self) -> None:
        hostile = '/a"><script>alert(1)</script>'
        page = render_page(hostile, csrf=(hostile, hostile))
        assert "<script>" not in page
        assert page.count('">&lt;') == page.count('"><script>') == 0

    def test_it_runs_no_script_but_its_own(self, client: TestClient[Litestar]) -> None:
        response = client.get("/saq")
        assert response.headers["content-security-policy"].startswith("default-src 'self';")
        assert response.text.count("<script") == response.text.count("<script src=")

    def test_it_names_the_csrf_cookie(self, queue: InMemoryQueue) -> None:
        app = build_app(queue, app={"csrf_config": CSRFConfig(secret="s" * 32, cookie_name="c", header_name="h")})
        with TestClient(app) as client:
            assert 'data-csrf-cookie="c" data-csrf-header="h"' in client.get("/saq").text


class TestFiles:
    def test_packed_files_are_served_as_what_they_hold(self, client: TestClient[Litestar]) -> None:
        response = client.get("/saq/static/snabbdom.js.gz")
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["content-type"].startswith("text/javascript")
        assert response.content == gzip.decompress((SAQ_FILES / "snabbdom.js.gz").read_bytes())

    @pytest.mark.parametrize("name", ["pico.min.css", "snabbdom.js", "app.js"])
    def test_an_application_may_compress(self, queue: InMemoryQueue, name: str) -> None:
        app = build_app(queue, app={"compression_config": CompressionConfig(backend="gzip", minimum_size=1)})
        with TestClient(app) as client:
            response = client.get(f"/saq/static/{name}")
        assert response.headers["content-encoding"] == "gzip"
        file = SAQ_FILES / name
        assert response.content == (
            file.read_bytes() if file.exists() else gzip.decompress(Path(f"{file}.gz").read_bytes())
        )

    def test_they_may_be_the_users_own(self, queue: InMemoryQueue, tmp_path: Path) -> None:
        (tmp_path / "snabbdom.js").write_text("own")
        with TestClient(build_app(queue, static_files=tmp_path)) as client:
            assert client.get("/saq/static/snabbdom.js").text == "own"
            assert client.get("/saq/static/pico.min.css").status_code == 404

    @pytest.mark.parametrize("path", ["none.js", "../page.py", "%2e%2e/page.py"])
    def test_nothing_else_is_served(self, client: TestClient[Litestar], path: str) -> None:
        assert client.get(f"/saq/static/{path}").status_code == 404


class TestGuards:
    @pytest.mark.parametrize("path", [*API_PATHS, *PAGE_PATHS])
    async def test_they_guard_page_and_api(self, queue: InMemoryQueue, path: str) -> None:
        await queue.enqueue("add", key="k")
        with TestClient(build_app(queue, web_guards=[refuse])) as client:
            assert client.get(f"/saq{path}").status_code == 401
            assert client.get("/saq/static/app.js").status_code == 200

    @pytest.mark.parametrize("action", ["retry", "abort"])
    async def test_they_guard_what_changes_jobs(self, queue: InMemoryQueue, action: str) -> None:
        await queue.enqueue("add", key="k")
        with TestClient(build_app(queue, web_guards=[refuse])) as client:
            assert client.post(f"/saq/api/queues/default/jobs/k/{action}").status_code == 401
        stored = await queue.job("k")
        assert stored is not None
        assert stored.status == Status.QUEUED

    def test_applications_do_not_share_them(self) -> None:
        open_app, guarded = build_app(InMemoryQueue("one")), build_app(InMemoryQueue("two"), web_guards=[refuse])
        with TestClient(open_app) as client:
            assert [shown["name"] for shown in client.get("/saq/api/queues").json()["queues"]] == ["one"]
        with TestClient(guarded) as client:
            assert client.get("/saq/api/queues").status_code == 401


class TestWiring:
    def test_the_dependency_key_is_free_to_choose(self, queue: InMemoryQueue) -> None:
        app = build_app(
            queue,
            queues_dependency_key="jobs",
            app={"dependencies": {"task_queues": Provide(lambda: 1, use_cache=True, sync_to_thread=False)}},
        )
        with TestClient(app) as client:
            assert client.get("/saq/api/queues").status_code == 200

    @pytest.mark.parametrize("included", [True, False])
    def test_the_schema_has_the_api_if_asked(self, queue: InMemoryQueue, included: bool) -> None:
        paths = build_app(queue, web_include_in_schema=included).openapi_schema.to_schema().get("paths") or {}
        expected = {
            "/saq/api/queues": "WorkerQueueList",
            "/saq/api/queues/{queue_id}": "WorkerQueueDetail",
            "/saq/api/queues/{queue_id}/jobs/{job_id}": "WorkerJobDetail",
            "/saq/api/queues/{queue_id}/jobs/{job_id}/retry": "WorkerJobRetry",
            "/saq/api/queues/{queue_id}/jobs/{job_id}/abort": "WorkerJobAbort",
            "/saq/health": "WorkerHealthCheck",
        }
        operations = {path: next(iter(item.values()))["operationId"] for path, item in paths.items()}
        assert operations == (expected if included else {})

    def test_disabled_means_absent(self, queue: InMemoryQueue) -> None:
        config = QueueConfig(broker_instance=queue)
        with TestClient(Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=[config]))])) as client:
            assert client.get("/saq").status_code == 404


class TestChanges:
    @pytest.mark.parametrize("action", ["retry", "abort"])
    async def test_without_guards_nothing_is_changed(self, queue: InMemoryQueue, action: str) -> None:
        await queue.enqueue("add", key="k", a=1, b=2)
        with TestClient(build_app(queue, web_guards=None)) as client:
            answer = client.post(f"/saq/api/queues/{queue.name}/jobs/k/{action}")
            assert client.get(f"/saq/api/queues/{queue.name}/jobs/k").status_code == 200
        assert answer.status_code == 403
        assert "set SAQConfig.web_guards, to [] where anyone may" in answer.text
        assert await queue.count("queued") == 1

    async def test_in_debug_mode_it_is(self, queue: InMemoryQueue) -> None:
        await queue.enqueue("add", key="k", a=1, b=2)
        with TestClient(build_app(queue, web_guards=None, app={"debug": True})) as client:
            assert client.post(f"/saq/api/queues/{queue.name}/jobs/k/abort").status_code == 202

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 202),
            ({"sec-fetch-site": "same-origin", "origin": "https://jobs.example"}, 202),
            ({"sec-fetch-site": "none"}, 202),
            ({"sec-fetch-site": "cross-site"}, 403),
            ({"sec-fetch-site": "same-site"}, 403),
            ({"origin": "http://testserver.local"}, 202),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
        ],
    )
    async def test_the_page_of_another_site_changes_nothing(
        self, queue: InMemoryQueue, headers: dict[str, str], status: int
    ) -> None:
        await queue.enqueue("add", key="k", a=1, b=2)
        with TestClient(build_app(queue)) as client:
            answer = client.post(f"/saq/api/queues/{queue.name}/jobs/k/abort", headers=headers)
        assert answer.status_code == status
