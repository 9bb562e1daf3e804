"""Jobs that one side writes and another runs."""

from __future__ import annotations

import time
import uuid
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.compat.conftest import Pair

JSON_VALUES: dict[str, Any] = {
    "text": 'añ 中文 😀 " \\ \n \t \u2028 </script>',
    "empty": "",
    "number": 2**53 + 1,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "fraction": 0.1,
    "huge": 1.5e300,
    "yes": True,
    "no": False,
    "nothing": None,
    "items": [1, "two", [3.5, None], {"four": [False]}],
    "nested": {"": {"ключ": {}}, "empty": []},
}


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_a_job_runs_and_its_result_is_read(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="add", key=key, kwargs={"a": 1, "b": 2})
    job = pair.client.wait(key=key)
    assert (job["status"], job["result"], job["progress"], job["attempts"]) == ("complete", 3, 1.0, 1)
    assert job["started"] >= job["queued"]
    assert job["completed"] >= job["started"]
    pair.field.until(lambda: job["worker_id"] in pair.client.info()["workers"], "the worker's sign of life")


def test_a_job_without_arguments_runs(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="echo", key=key)
    assert pair.client.wait(key=key)["result"] == {}


def test_every_type_of_json_arrives_and_returns(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="echo", key=key, kwargs=JSON_VALUES)
    job = pair.client.wait(key=key)
    assert job["result"] == JSON_VALUES
    assert job["kwargs"] == JSON_VALUES


def test_arguments_by_name_and_a_thread(pair: Pair, key: str) -> None:
    pair.client.enqueue_by_name(function="threaded", key=key, text="straße")
    assert pair.client.wait(key=key)["result"] == "STRASSE"


def test_a_jobs_options_arrive(pair: Pair, key: str) -> None:
    options = {
        "timeout": 33,
        "heartbeat": 7,
        "retries": 4,
        "ttl": 120,
        "retry_delay": 1.5,
        "meta": {"a": [1, {"b": 2}]},
    }
    pair.client.enqueue(function="show_job", key=key, **options, priority=3, group_key=key)
    expected = {**options, "priority": 3, "group_key": key, "attempts": 1}
    job = pair.client.wait(key=key)
    assert job["result"] == expected
    assert job["meta"] == options["meta"]


def test_a_key_is_in_the_queue_once(pair: Pair, key: str) -> None:
    assert pair.client.enqueue(function="hold", key=key)
    assert pair.client.enqueue(function="hold", key=key) is None
    pair.field.release(key)
    assert pair.client.wait(key=key)["status"] == "complete"


def test_a_scheduled_job_runs_when_it_is_due(pair: Pair, key: str) -> None:
    due = int(time.time()) + 2
    pair.client.enqueue(function="succeed_at", key=key, kwargs={"attempt": 1}, scheduled=due)
    assert pair.client.wait(key=key)["scheduled"] == due
    assert [record["at"] >= due for record in pair.field.records(key)] == [True]


@pytest.mark.parametrize(
    ("options", "least_s"),
    [({"retry_delay": 2.0}, 1.0), ({"retry_delay": 0.5, "retry_backoff": True}, 0.0), ({}, 0.0)],
    ids=["delay", "backoff", "at once"],
)
def test_a_failed_job_is_tried_again(pair: Pair, key: str, options: dict[str, Any], least_s: float) -> None:
    pair.client.enqueue(function="succeed_at", key=key, kwargs={"attempt": 3}, retries=5, **options)
    job = pair.client.wait(key=key)
    runs = pair.field.records(key)
    assert (job["status"], job["attempts"], job["result"]) == ("complete", 3, 3)
    assert [run["attempt"] for run in runs] == [1, 2, 3]
    assert all(after["at"] - before["at"] >= least_s for before, after in pairwise(runs))


def test_a_job_that_fails_for_good_says_why(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="succeed_at", key=key, kwargs={"attempt": 9}, retries=2)
    job = pair.client.wait(key=key)
    assert (job["status"], job["attempts"]) == ("failed", 2)
    assert "ValueError: not before attempt 9" in job["error"]


def test_a_timeout_fails_the_job(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="hold", key=key, timeout=1)
    job = pair.client.wait(key=key)
    assert job["status"] == "failed"
    assert "TimeoutError" in job["error"]


def test_a_ttl_of_minus_one_keeps_no_result(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="succeed_at", key=key, kwargs={"attempt": 1}, ttl=-1)
    pair.field.until(lambda: pair.field.records(key), "the run")
    pair.field.until(lambda: pair.client.job(key=key) is None, "the end of the job")


def test_a_ttl_is_kept(pair: Pair, key: str) -> None:
    pair.client.enqueue(function="add", key=key, kwargs={"a": 1, "b": 1}, ttl=15)
    assert pair.client.wait(key=key)["result"] == 2
    pair.field.until(lambda: pair.client.job(key=key) is None, "the end of the result")


def test_apply_and_map_cross(pair: Pair) -> None:
    assert pair.client.apply(function="add", a=20, b=22) == 42
    assert pair.client.map(function="add", each=[{"a": n, "b": 1} for n in range(8)]) == list(range(1, 9))


def test_apply_raises_what_the_other_side_raised(pair: Pair) -> None:
    with pytest.raises(RuntimeError, match="not before attempt 9"):
        pair.client.apply(function="succeed_at", attempt=9)
