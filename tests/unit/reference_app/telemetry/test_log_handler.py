from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from litestar_saq import Job
from litestar_saq.telemetry.logs import bind_job
from litestar_saq.testing import InMemoryQueue
from reference_app.telemetry.log_handler import ExportHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOGGER = "tests.log_handler"


@pytest.fixture
def exported() -> Iterator[Callable[[], list[Any]]]:
    """Return what the handler of a logger has exported."""
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    handler, root = ExportHandler(provider), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lambda: [one.log_record for one in exporter.get_finished_logs()]
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_record_has_its_message_as_the_body(exported: Callable[[], list[Any]]) -> None:
    logging.getLogger(LOGGER).warning("%d reports %s", 3, "expired", extra={"least": 1.5, "whole": True})

    (record,) = exported()
    assert (record.body, record.severity_text) == ("3 reports expired", "WARN")
    assert dict(record.attributes) == {"least": 1.5, "whole": True}
    assert (record.trace_id, record.span_id) == (0, 0)


def test_a_record_says_which_job_and_span_it_is_of(exported: Callable[[], list[Any]]) -> None:
    job = Job("split", kwargs={"to": "hunter2"}, key="k", attempts=2, queue=InMemoryQueue("samples"))
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")

    with tracer.start_as_current_span("a run") as span, bind_job(job):
        logging.getLogger(LOGGER).info("told %s", job.info(full=True))

    (record,) = exported()
    context = span.get_span_context()
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert dict(record.attributes) == {"job_key": "k", "function": "split", "queue": "samples", "attempt": 2}
    assert "hunter2" not in str(record.body)


def test_only_plain_values_are_exported_and_the_record_stays_as_it_is(
    exported: Callable[[], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        logging.getLogger(LOGGER).info("told", extra={"kwargs": {"to": "hunter2"}, "color_message": "red", "kept": "1"})

    assert dict(exported()[0].attributes) == {"kept": "1"}
    (record,) = caplog.records
    assert vars(record)["kwargs"] == {"to": "hunter2"}
    assert not hasattr(record, "job_key")


def test_an_exception_is_exported(exported: Callable[[], list[Any]]) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger(LOGGER).exception("it failed")

    (record,) = exported()
    assert (record.attributes["exception.type"], record.attributes["exception.message"]) == (
        "ZeroDivisionError",
        "division by zero",
    )
    assert record.attributes["exception.stacktrace"].rstrip().endswith("division by zero")


@pytest.mark.parametrize(
    "name", ["opentelemetry.sdk._shared_internal", "opentelemetry", "urllib3.connectionpool", "grpc._channel"]
)
def test_what_is_said_about_the_export_is_not_exported(exported: Callable[[], list[Any]], name: str) -> None:
    logging.getLogger(name).error("it can't be exported")

    assert exported() == []
