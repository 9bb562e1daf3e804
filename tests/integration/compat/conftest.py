"""Stock packages against ours, on Redis and on Postgres."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from tests.integration.compat.environment import stock_environment
from tests.integration.compat.side import Client, Field, Kind, Process

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS: list[tuple[Kind, Kind]] = [("saq", "ours"), ("v08", "ours"), ("ours", "saq"), ("ours", "v08")]
"""Who uses the queue, and who runs its worker."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))  # the first makes an environment


@pytest.fixture(scope="session")
def stock() -> Path:
    return stock_environment()


@pytest.fixture(scope="module", params=["redis", "valkey", pytest.param("postgres", marks=pytest.mark.postgres)])
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def dsn(broker: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{broker}_url"))


@contextmanager
def open_field(folder: Path, dsn: str, stock: Path) -> Iterator[Field]:
    """A field whose processes and keys are gone afterwards."""
    field = Field(folder, dsn, stock)
    try:
        yield field
    finally:
        field.close()
    if dsn.startswith("redis"):
        with Redis.from_url(dsn) as redis:
            for key in redis.scan_iter(f"saq:*{field.queue}*", count=1000):
                redis.delete(key)


@pytest.fixture
def field(tmp_path: Path, dsn: str, stock: Path) -> Iterator[Field]:
    """A queue for one test."""
    with open_field(tmp_path, dsn, stock) as field:
        yield field


@dataclass
class Pair:
    """A client of one side and a worker of another."""

    field: Field
    client: Client
    worker: Process
    client_kind: Kind
    worker_kind: Kind


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def pair(
    request: pytest.FixtureRequest, dsn: str, stock: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """A client and a worker that the tests of a module share."""
    client_kind, worker_kind = request.param
    with open_field(tmp_path_factory.mktemp("pair"), dsn, stock) as field:
        worker = field.worker(worker_kind)
        client = field.client(client_kind)
        field.until(lambda: client.info()["workers"], "the worker's sign of life")
        yield Pair(field, client, worker, client_kind, worker_kind)
