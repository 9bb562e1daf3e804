"""What is started once for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from testcontainers.core.container import DockerContainer

from tests.integration.observability.backends import Backends
from tests.integration.observability.images import DOCKER, changed
from tests.integration.observability.reference import ReferenceApp

PENGUINS = Path(__file__).parents[3] / "examples" / "data" / "penguins.csv"


@dataclass(frozen=True)
class Told:
    """The backends, after the reference app has told them of a report and of a job that failed."""

    backends: Backends
    collector: DockerContainer
    jaeger: DockerContainer
    prometheus: DockerContainer
    trace_id: str


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    made = Backends()
    yield made
    made.end()


@pytest.fixture(scope="module")
def told(backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("app")
    redis, jaeger, collector = backends.start_redis(), backends.start_jaeger(), backends.start_collector()
    # The reference app exports more often here, and of an exemplar each export tells once.
    often = changed(folder, DOCKER / "prometheus.yaml", scrape_interval="1s", evaluation_interval="1s")
    prometheus = backends.start_prometheus(often)
    app = ReferenceApp(
        folder,
        backends.url(redis, 6379).replace("http", "redis"),
        backends.url(collector, 4318),
        backends.url(collector, 4317),
    )
    try:
        app.wait_until_ready()
        trace_id = app.make_report(PENGUINS)
        app.fail_a_job()
        yield Told(backends, collector, jaeger, prometheus, trace_id)
    finally:
        app.end()
