"""What the page does not show of a queue's jobs."""

from __future__ import annotations

from typing import Any

import pytest
from saq.queue.redis import RedisQueue as StockQueue

from litestar_saq import QueueConfig
from litestar_saq.brokers.base import redact_of
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.exceptions import FieldError
from litestar_saq.web.views import show_job, show_queue

JOB: dict[str, Any] = {
    "key": "k",
    "function": "send",
    "kwargs": {"to": "ada@example.com", "order": {"card": "4111", "items": [{"card": "4242", "n": 1}]}},
    "result": {"card": "4111", "sent": True},
    "error": "Traceback: 4111",
    "meta": {"card": "4111", "tenant": "a"},
}


def test_all_is_shown_by_default() -> None:
    shown = show_job(JOB)
    assert "ada@example.com" in shown["kwargs"]
    assert shown["meta"] == {"card": "4111", "tenant": "a"}


def test_all_can_be_hidden() -> None:
    shown = show_job(JOB, redact=True)
    assert (shown["key"], shown["function"]) == ("k", "send")
    assert {shown[name].strip("'") for name in ("kwargs", "result", "error", "meta")} == {"…"}


def test_what_has_a_name_is_hidden_however_deep() -> None:
    shown = show_job({**JOB, "error": None}, redact={"card", "to"})
    assert "4111" not in str(shown)
    assert "4242" not in str(shown)
    assert "ada" not in str(shown)
    assert "'n': 1" in shown["kwargs"]
    assert shown["meta"] == {"card": "…", "tenant": "a"}


def test_a_function_chooses_what_is_shown() -> None:
    shown = show_job(JOB, redact=lambda job: {"kwargs": {"to": job["kwargs"]["to"][-11:]}})
    assert shown["kwargs"] == "{'to': 'example.com'}"
    assert (shown["result"], shown["error"]) == ("None", None)
    assert "meta" not in shown


def test_where_the_function_fails_all_is_hidden(caplog: pytest.LogCaptureFixture) -> None:
    shown = show_queue({"jobs": [JOB]}, redact=lambda job: {"kwargs": job["none"]})["jobs"][0]
    assert "4111" not in str(shown)
    assert caplog.messages == ["redact of job k failed: KeyError; it is hidden"]


@pytest.mark.parametrize("redact", [True, ["card"], lambda job: job])
def test_each_queue_has_its_own_also_one_of_saq_s(redact: Any) -> None:
    mine = StockQueue.from_url("redis://localhost", name="mine")
    for options in ({"dsn": "redis://localhost"}, {"broker_instance": mine}):
        config = QueueConfig(name="mine", redact=redact, **options)
        found = redact_of(build_queue(config, str, str))
        assert found == (frozenset(redact) if isinstance(redact, list) else redact)
    assert redact_of(StockQueue.from_url("redis://localhost")) is False


@pytest.mark.parametrize("redact", ["card", 3, [1]])
def test_anything_else_is_refused(redact: Any) -> None:
    with pytest.raises(FieldError, match="redact"):
        QueueConfig(dsn="redis://localhost", redact=redact)
