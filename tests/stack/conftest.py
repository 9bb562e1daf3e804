"""The deployment, built from this checkout and up for all tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from testcontainers.compose import DockerCompose

from tests.ports import free_port
from tests.stack.deployment import ROOT, Deployment, docker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.docker)
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def engine() -> None:
    """Docker with compose, or a skip."""
    try:
        docker("compose", "version")
        docker("info")
    except (AssertionError, OSError) as error:
        pytest.skip(f"no Docker with compose: {error}")


@pytest.fixture(scope="session")
def deployment(engine: None) -> Iterator[Deployment]:
    api, jaeger = free_port(), free_port()
    variables = {
        "COMPOSE_PROJECT_NAME": f"stack-{uuid.uuid4().hex[:8]}",
        "API_PORT": str(api),
        "JAEGER_PORT": str(jaeger),
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("REDIS_", "OTEL_", "WORKER_", "COMPOSE_"))]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        with DockerCompose(ROOT, build=True, wait=True) as compose:
            running = Deployment(compose, f"http://127.0.0.1:{api}", f"http://127.0.0.1:{jaeger}")
            with running.http:
                yield running


@pytest.fixture(autouse=True)
def is_up(deployment: Deployment) -> None:
    """Begin each test with everything up, as it was."""
    deployment.up("--scale", "worker-analysis=2")
