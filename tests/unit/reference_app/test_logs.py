from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from structlog.contextvars import bound_contextvars

from reference_app.logs import ExporterFilter, json_formatter, make_logging_config


def formatted(**fields: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "a.logger", "levelname": "INFO", "levelno": 20, **fields})
    line = json_formatter().format(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_record_is_a_line_of_json() -> None:
    found = formatted(msg="%d reports\nexpired ☃", args=(3,))

    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "3 reports\nexpired ☃", "level": "info", "logger": "a.logger"}


def test_a_record_says_which_job_it_is_of() -> None:
    with bound_contextvars(job_key="split:1", function="split_report", queue="reports", attempt=2):
        found = formatted(msg="x")

    assert [found[name] for name in ("job_key", "function", "queue", "attempt")] == [
        "split:1",
        "split_report",
        "reports",
        2,
    ]


def test_what_is_no_json_is_written_as_text() -> None:
    assert formatted(msg="x", extra_one={1, 2})["extra_one"] == "{1, 2}"


def test_an_exception_is_in_its_line() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError as error:
        found = formatted(msg="x", exc_info=(type(error), error, error.__traceback__))

    assert found["exception"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_the_level_is_the_setting() -> None:
    assert make_logging_config("WARNING").root["level"] == "WARNING"


def test_an_exporter_says_the_same_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    lets_pass = ExporterFilter().filter
    records = [
        logging.makeLogRecord({"name": name, "msg": "%s can't be exported", "args": (argument,)})
        for name, argument in (("opentelemetry.a", 1), ("opentelemetry.a", 2), ("opentelemetry.b", 1), ("mine", 1))
    ]

    assert [lets_pass(record) for record in (*records, records[-1])] == [True, False, True, True, True]
    now += 299
    assert not lets_pass(records[0])
    now += 2
    assert lets_pass(records[0])


def test_a_line_of_the_console_says_which_span_it_is_of(own_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    make_logging_config("INFO").configure()

    with TracerProvider(shutdown_on_exit=False).get_tracer("tests").start_as_current_span("a span") as span:
        logging.getLogger("a.logger").info("told")

    line = json.loads(capsys.readouterr().err)
    context = span.get_span_context()
    assert (line["trace_id"], line["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
