"""What one side does to a job that another runs, and what it sees of it."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.integration.compat.conftest import PAIRS

if TYPE_CHECKING:
    from tests.integration.compat.conftest import Pair
    from tests.integration.compat.side import Field, Kind


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_a_running_job_is_aborted(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="hold", key=key, timeout=300, retries=3)
    pair.field.until(lambda: pair.field.records(key), "the start")
    pair.client.abort(key=key, error="not needed")
    job = pair.field.status(pair.client, key, "aborted")
    assert (job["error"], job["attempts"]) == ("not needed", 1)
    pair.field.until(lambda: pair.field.records(key)[-1]["event"] == "cancelled", "the cancellation")


def test_a_waiting_job_is_aborted(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="hold", key=key, scheduled=int(time.time()) + 3600)
    pair.client.abort(key=key, error="not needed")
    assert pair.field.status(pair.client, key, "aborted", "aborting")["error"] == "not needed"
    assert pair.field.records(key) == []


def test_a_finished_job_runs_again(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="succeed_at", key=key, kwargs={"attempt": 2})
    assert pair.client.wait(key=key)["status"] == "failed"
    pair.client.retry(key=key)
    job = pair.field.status(pair.client, key, "complete")
    assert (job["attempts"], job["result"]) == (2, 2)


def test_progress_is_seen_while_the_job_runs(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="advance", key=key, meta={"order": 7}, timeout=300)
    job = pair.field.until(lambda: (j := pair.client.job(key=key)) and j.get("progress") and j, "the progress")
    assert (job["status"], job["progress"]) == ("active", 0.5)
    assert job["meta"] == {"order": 7, "step": "half way"}
    pair.field.release(key)
    assert pair.client.wait(key=key)["result"] == "half way"


def test_an_update_of_a_running_job_does_not_disturb_it(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="hold", key=key, timeout=300)
    pair.field.until(lambda: pair.field.records(key), "the start")
    pair.client.update(key=key, meta={"seen": True})
    assert pair.client.job(key=key)["status"] == "active"
    assert pair.client.job(key=key)["meta"] == {"seen": True}
    pair.field.release(key)
    assert pair.client.wait(key=key)["status"] == "complete"


def test_info_shows_jobs_and_workers(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="hold", key=key, kwargs={}, timeout=300)
    pair.field.until(lambda: pair.field.records(key), "the start")
    pair.client.enqueue(function="hold", key=f"{key}-later", scheduled=int(time.time()) + 3600)
    info = pair.field.until(lambda: (told := pair.client.info())["workers"] and told, "the worker's sign of life")
    assert info["name"] == pair.field.queue
    assert (info["queued"], info["active"]) == (0, 1)
    assert info["scheduled"] >= 1
    assert {"key": key, "status": "active"}.items() <= next(j for j in info["jobs"] if j["key"] == key).items()
    assert {job["key"] for job in pair.client.jobs()} >= {key, f"{key}-later"}
    [worker] = info["workers"].values()
    assert worker["metadata"] == {"side": pair.worker_kind}
    assert worker["queue_key"] == pair.field.queue
    assert set(worker["stats"]) == {"complete", "failed", "retried", "aborted", "uptime"}
    pair.client.abort(key=f"{key}-later", error="over")
    pair.field.release(key)
    pair.client.wait(key=key)


@pytest.mark.timeout(240)  # on Redis the owner's own sweep, at its start, shuts others out for 60 s
@pytest.mark.parametrize(("sweeper", "owner"), PAIRS, ids=lambda kind: kind)
def test_the_job_of_a_dead_worker_is_swept(field: Field, key: str, sweeper: Kind, owner: Kind) -> None:
    worker = field.worker(owner)
    client = field.client(sweeper)
    field.until(lambda: client.info()["workers"], "the worker's sign of life")
    client.enqueue(function="hold", key=key, heartbeat=1, timeout=300, retries=2)
    field.until(lambda: field.records(key), "the start")
    worker.kill()
    field.until(client.sweep, "a sweep that finds it")
    job = field.status(client, key, "queued")
    assert (job["attempts"], job["error"]) == (1, "swept")
    field.release(key)
    field.hold_off_sweeps()
    field.worker(sweeper)
    assert client.wait(key=key)["status"] == "complete"
    assert [run["attempt"] for run in field.records(key) if run["event"] == "started"] == [1, 2]


@pytest.mark.parametrize(("sweeper", "owner"), PAIRS, ids=lambda kind: kind)
def test_a_sweep_leaves_a_healthy_job_of_the_other_side_alone(
    field: Field, key: str, sweeper: Kind, owner: Kind
) -> None:
    field.worker(owner)
    client = field.client(sweeper)
    field.until(lambda: client.info()["workers"], "the worker's sign of life")
    client.enqueue(function="hold", key=key, timeout=300)
    field.status(client, key, "active")
    assert client.sweep() == []
    field.release(key)
    assert client.wait(key=key)["status"] == "complete"


def test_our_worker_ends_in_order(dsn: str, field: Field) -> None:
    worker = field.worker("ours")
    client = field.client("saq")
    field.until(lambda: client.info()["workers"], "the worker's sign of life")
    assert worker.stop() == 0, field.logs()
