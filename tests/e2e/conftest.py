"""The reference app as it is deployed: an API and a worker a queue, each a process of the `litestar` command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from demo.receiver import OtlpReceiver

SOURCE = Path(__file__).parents[2] / "src"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_S = 60


class Deployment:
    """The processes that a test has started; they end with it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LITESTAR_"))
        } | {"PYTHONPATH": str(SOURCE), "REDIS_URL": "embedded://data", **settings}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start_api(self) -> subprocess.Popen[bytes]:
        """Start the API and wait until it is ready."""
        api = self._start("api", "run", "--port", str(self.port))
        wait_until(self._is_ready, "the API is not ready", lambda: self.log("api"))
        return api

    def start_worker(self, queue: str) -> subprocess.Popen[bytes]:
        """Start a worker of a queue."""
        return self._start(f"worker-{queue}", "workers", "run", "--queues", queue)

    def log(self, name: str) -> str:
        """Return what a process has written."""
        return (self._folder / f"{name}.log").read_text()

    def end(self) -> None:
        """End all, and see that they end well."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        codes = []
        for process in running:
            try:
                codes.append(process.wait(TIMEOUT_S))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                codes.append(process.wait(TIMEOUT_S))
        # The server, when it has ended in order, lets the signal end it as it would have.
        assert set(codes) <= {0, -signal.SIGTERM}, f"exit codes {codes}"

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("litestar"), "--app", "reference_app.server:create_app", *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def wait_until(condition: Callable[[], object], otherwise: str, more: Callable[[], str] = str) -> None:
    """Wait for a condition, looking again and again."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{otherwise} after {TIMEOUT_S} s\n{more()}")
        time.sleep(0.05)


@pytest.fixture
def deployment(tmp_path: Path, otlp_receiver: OtlpReceiver) -> Iterator[Deployment]:
    """A deployment of which nothing is started."""
    made = Deployment(
        tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
        TRACE_URL=otlp_receiver.page("{trace_id}"),
        MAX_UPLOAD_BYTES="2000000",
    )
    yield made
    made.end()


@pytest.fixture
def api(deployment: Deployment) -> Iterator[httpx.Client]:
    """A client of the whole deployment."""
    deployment.start_api()
    for queue in ("reports", "analysis", "maintenance"):
        deployment.start_worker(queue)
    with httpx.Client(base_url=deployment.url, timeout=TIMEOUT_S, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")  # while Playwright's synchronous API runs, no asynchronous test can
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not there (apt-get install chromium)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=TIMEOUT_S * 1000)
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
