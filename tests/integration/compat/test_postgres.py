"""What only Postgres has: priorities and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.compat.conftest import PAIRS

if TYPE_CHECKING:
    from tests.integration.compat.side import Client, Field, Kind

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def dsn(postgres_url: str) -> str:
    return postgres_url


def enqueue_all(client: Client, names: str, **options: object) -> list[str]:
    keys = []
    for name in names:
        job = client.enqueue(function="take_turn", kwargs={"name": name, "log": "turns"}, timeout=60, **options)
        keys.append(job["key"])
    return keys


@pytest.mark.parametrize(("writer", "runner"), PAIRS, ids=lambda kind: kind)
def test_a_lower_priority_number_runs_first(field: Field, writer: Kind, runner: Kind) -> None:
    client = field.client(writer)
    keys = [*enqueue_all(client, "c", priority=30), *enqueue_all(client, "a", priority=1)]
    keys += enqueue_all(client, "b", priority=20)
    field.worker(runner, CONCURRENCY="1")
    for key in keys:
        assert client.wait(key=key)["status"] == "complete"
    assert [turn["name"] for turn in field.records("turns") if turn["event"] == "in"] == ["a", "b", "c"]


@pytest.mark.parametrize("writer", ["saq", "v08"])
def test_a_stock_sides_group_runs_one_at_a_time_by_ours(field: Field, writer: Kind) -> None:
    client = field.client(writer)
    keys = enqueue_all(client, "abc", group_key="g")
    field.worker("ours")
    for key in keys:
        assert client.wait(key=key)["status"] == "complete"
    assert [turn["event"] for turn in field.records("turns")] == ["in", "out"] * 3


@pytest.mark.parametrize("runner", ["saq", "v08"])
def test_our_group_runs_by_a_stock_worker(field: Field, runner: Kind) -> None:
    client = field.client("ours")
    keys = enqueue_all(client, "abc", group_key="g")
    field.worker(runner, CONCURRENCY="1")
    for key in keys:
        job = client.wait(key=key)
        assert (job["status"], job["group_key"]) == ("complete", "g")
