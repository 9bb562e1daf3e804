from __future__ import annotations

import json
import logging
from typing import Any

from structlog.contextvars import bound_contextvars

from reference_app.logs import json_formatter, make_logging_config


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
