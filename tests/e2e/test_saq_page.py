"""SAQ's page in a real browser, against a real server."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from litestar import Litestar
from litestar.config.csrf import CSRFConfig
from playwright.sync_api import expect
from saq.job import Status

from litestar_saq import SAQConfig, SAQPlugin
from litestar_saq.testing import InMemoryQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog, Locator, Page

pytestmark = pytest.mark.browser


class Watched:
    """A page, and what must not happen on it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._look(request.url))

    def _look(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(url)

    def check(self) -> None:
        assert self.errors == []
        assert self.foreign == []


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Run a server on a free port; yields its origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def mount(app: Any, root_path: str) -> Any:
    """Put an application under a path, as a server behind a proxy does."""

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": root_path}, receive, send)

    return mounted


def build_app(queue: InMemoryQueue, web_path: str, **options: Any) -> Litestar:
    config = SAQConfig(queue_instances={queue.name: queue}, web_enabled=True, web_path=web_path, web_guards=[])
    return Litestar(plugins=[SAQPlugin(config)], **options)


@pytest.fixture
def queue() -> InMemoryQueue:
    return InMemoryQueue("reports")


@contextmanager
def opened(browser: Browser, origin: str) -> Iterator[Watched]:
    page = browser.new_page()
    watched = Watched(page, origin)
    try:
        yield watched
    finally:
        page.close()


def cell(page: Page, text: str) -> Locator:
    return page.locator("td").filter(has_text=re.compile(f"^{re.escape(text)}$"))


def enqueue(queue: InMemoryQueue, function: str, **fields: Any) -> None:
    """Enqueue from a thread, as the browser's API has a loop running in this one."""
    with ThreadPoolExecutor() as pool:
        pool.submit(lambda: asyncio.run(queue.enqueue(function, **fields))).result()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("web_path", "root_path"),
    [("/saq", ""), ("/admin/ops/saq", ""), ("/queues", ""), ("/q", ""), ("/", ""), ("/saq", "/behind/proxy")],
)
def test_a_job_is_found_and_aborted(browser: Browser, queue: InMemoryQueue, web_path: str, root_path: str) -> None:
    enqueue(queue, "build_report", key="job-1", name="<b>first</b>")
    root = root_path + web_path.rstrip("/")
    with serve(mount(build_app(queue, web_path), root_path)) as origin, opened(browser, origin) as watched:
        page = watched.page
        page.goto(f"{origin}{root_path}{web_path}")
        page.get_by_role("link", name="reports").click()
        expect(page).to_have_url(f"{origin}{root}/queues/reports")
        expect(cell(page, "{'name': '<b>first</b>'}")).to_be_visible()
        cell(page, "job-1").click()
        expect(page.get_by_role("heading", name="job-1")).to_be_visible()
        page.get_by_role("button", name="Abort").click()
        expect(cell(page, "aborted")).to_be_visible()
        expect(page.get_by_role("button", name="Abort")).to_be_hidden()
        watched.check()
    stored = queue.find("job-1")
    assert stored is not None
    assert (stored.status, stored.error) == (Status.ABORTED, "aborted from ui")


@pytest.mark.parametrize("web_path", ["/saq", "/admin/ops/saq", "/queues"])
def test_a_job_links_to_its_queue(browser: Browser, queue: InMemoryQueue, web_path: str) -> None:
    enqueue(queue, "build_report", key="job-1")
    with serve(build_app(queue, web_path)) as origin, opened(browser, origin) as watched:
        page = watched.page
        page.goto(f"{origin}{web_path}/queues/reports/jobs/job-1")
        page.get_by_role("link", name="reports").click()
        expect(page.get_by_role("heading", name="Workers")).to_be_visible()
        expect(page).to_have_url(f"{origin}{web_path}/queues/reports")
        page.reload()
        expect(page.get_by_role("heading", name="Workers")).to_be_visible()
        watched.check()


def test_a_key_may_hold_anything(browser: Browser, queue: InMemoryQueue) -> None:
    key = "cron:expire:*/5 * * * *?#50%41é"
    enqueue(queue, "expire", key=key)
    with serve(build_app(queue, "/saq")) as origin, opened(browser, origin) as watched:
        page = watched.page
        page.goto(f"{origin}/saq/queues/reports")
        cell(page, key).click()
        expect(cell(page, "expire")).to_be_visible()
        page.reload()
        page.get_by_role("button", name="Abort").click()
        expect(cell(page, "aborted")).to_be_visible()
        watched.check()


def test_arguments_build_no_elements(browser: Browser, queue: InMemoryQueue) -> None:
    hostile = {"props": {"innerHTML": "<img id=hostile src=x onerror=alert(1)>"}}
    enqueue(queue, "build_report", key="job-1", kwargs=hostile)
    with serve(build_app(queue, "/saq")) as origin, opened(browser, origin) as watched:
        watched.page.goto(f"{origin}/saq/queues/reports")
        expect(watched.page.get_by_text("job-1")).to_be_visible()
        expect(watched.page.locator("#hostile")).to_have_count(0)
        watched.check()


def test_an_error_is_shown(browser: Browser, queue: InMemoryQueue) -> None:
    with serve(build_app(queue, "/saq")) as origin, opened(browser, origin) as watched:
        page = watched.page
        page.goto(f"{origin}/saq/queues/reports/jobs/none")
        expect(page.get_by_text("queue 'reports' has no job 'none'; it may have expired")).to_be_visible()
        assert all("404" in error for error in watched.errors)


def test_a_refused_button_says_why(browser: Browser, queue: InMemoryQueue) -> None:
    enqueue(queue, "build_report", key="job-1")
    said: list[str] = []

    def accept(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.accept()

    with serve(build_app(queue, "/saq")) as origin, opened(browser, origin) as watched:
        page = watched.page
        page.on("dialog", accept)
        page.goto(f"{origin}/saq/queues/reports/jobs/job-1")
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("button", name="Retry")).to_have_attribute("aria-busy", "false")
        assert said == ["job 'job-1' is queued: only a job that is complete, failed or aborted can be retried"]


def test_buttons_work_with_protection_against_forged_requests(browser: Browser, queue: InMemoryQueue) -> None:
    enqueue(queue, "build_report", key="job-1")
    app = build_app(queue, "/saq", csrf_config=CSRFConfig(secret="s" * 32))
    with serve(app) as origin, opened(browser, origin) as watched:
        abort = f"{origin}/saq/api/queues/reports/jobs/job-1/abort"
        assert httpx.post(abort, timeout=60).status_code == 403
        page = watched.page
        page.goto(f"{origin}/saq/queues/reports/jobs/job-1")
        page.get_by_role("button", name="Abort").click()
        expect(cell(page, "aborted")).to_be_visible()
        watched.check()
