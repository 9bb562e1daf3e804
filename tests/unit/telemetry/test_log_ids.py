"""The ids of the trace in log records, by `logging` and by structlog."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from litestar_saq import Job
from litestar_saq.telemetry import JobContextFilter, add_job_context
from litestar_saq.telemetry.logs import bind_job
from litestar_saq.testing import InMemoryQueue, run_until_empty


def span(number: int) -> Any:
    context = SpanContext(0xABC, number, is_remote=False, trace_flags=TraceFlags(1))
    return trace.use_span(NonRecordingSpan(context))


def ids(number: int) -> dict[str, Any]:
    return {"trace_id": f"{0xABC:032x}", "span_id": f"{number:016x}", "trace_flags": 1}


@pytest.fixture
def job() -> Job:
    return Job("send", key="k", attempts=1, queue=InMemoryQueue("samples"))


def filtered() -> dict[str, Any]:
    record = logging.makeLogRecord({})
    assert JobContextFilter().filter(record)
    return {name: value for name, value in vars(record).items() if name in {*ids(0), "job_key"}}


def test_a_record_has_the_current_spans_ids(job: Job) -> None:
    assert filtered() == {}
    with span(1), bind_job(job):
        assert filtered() == {"job_key": "k", **ids(1)}
        with span(2):
            assert filtered() == {"job_key": "k", **ids(2)}


def test_structlog_has_the_runs_ids_and_with_the_processor_the_current_ones(job: Job) -> None:
    with span(1), bind_job(job), span(2):
        bound = structlog.contextvars.merge_contextvars(None, "info", {"event": "e"})
        assert bound.items() >= {"job_key": "k", **ids(1)}.items()
        assert add_job_context(None, "info", bound).items() >= {"job_key": "k", **ids(2)}.items()
    assert add_job_context(None, "info", {"event": "e", "queue": "mine"}) == {"event": "e", "queue": "mine"}


async def test_in_a_job_they_are_those_of_its_run() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    from litestar_saq.telemetry import OtelOptions, instrument_queue

    seen: list[tuple[dict[str, Any], str]] = []

    def look(_ctx: Any) -> None:
        seen.append((filtered(), f"{trace.get_current_span().get_span_context().span_id:016x}"))

    options = OtelOptions(tracer_provider=TracerProvider(shutdown_on_exit=False), metrics=False)
    queue = instrument_queue(InMemoryQueue("samples"), options)
    await queue.enqueue("look", key="in thread")
    await run_until_empty(queue, [("look", look)])
    ((fields, current),) = seen
    assert fields["job_key"] == "in thread"
    assert fields["span_id"] == current
