"""The context of a trace in a job's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from litestar_saq import Job
from litestar_saq._metadata import CARRIER, visible_meta
from litestar_saq.telemetry import carrier

SPAN = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1))
HEADER = "00-00000000000000000000000000000abc-0000000000000def-01"
CONTEXT = set_span_in_context(NonRecordingSpan(SPAN), Context())


def job(**fields: Any) -> Job:
    return Job("f", **fields)


def test_what_is_injected_is_extracted_and_shared_metadata_stays() -> None:
    shared = {"mine": 1}
    one = job(meta=shared)
    carrier.inject(one, with_baggage=True, context=CONTEXT)
    assert shared == {"mine": 1}
    assert one.meta == {"mine": 1, CARRIER: {"traceparent": HEADER}}
    found = carrier.span_context_in(one.meta)
    assert found
    assert (found.trace_id, found.span_id) == (SPAN.trace_id, SPAN.span_id)
    assert visible_meta(one.meta) == {"mine": 1}


@pytest.mark.parametrize(
    "meta",
    [None, {}, {CARRIER: None}, {CARRIER: "text"}, {CARRIER: {"traceparent": 3}}, {CARRIER: {"traceparent": "00-zz"}}],
)
def test_what_can_t_be_read_is_no_context(meta: Any) -> None:
    assert carrier.span_context_in(meta) is None
    assert carrier.previous_in(carrier.carrier_in(meta)) is None


def test_notes_of_ours_stay_beside_the_headers_and_change_nothing_shared() -> None:
    one = job()
    carrier.inject(one, with_baggage=True, context=CONTEXT)
    before = one.meta[CARRIER]
    carrier.annotate(one, {carrier.PREVIOUS: HEADER, carrier.TRIGGER: "retry"})
    assert before == {"traceparent": HEADER}
    assert carrier.entry(one, carrier.TRIGGER) == "retry"
    previous = carrier.previous_in(carrier.carrier_in(one.meta))
    assert previous
    assert previous.span_id == SPAN.span_id


@pytest.mark.parametrize(
    ("meta", "fields", "kept"),
    [
        ({}, {}, False),
        ({CARRIER: {"traceparent": HEADER}}, {}, True),
        ({"traceparent": HEADER}, {}, True),
        ({CARRIER: {"saq-propagation": "none"}}, {}, True),
        ({CARRIER: {"saq-trigger": "cron"}}, {}, True),
        ({CARRIER: {"saq-trigger": "retry"}}, {}, False),
        ({CARRIER: {"traceparent": HEADER}}, {"attempts": 1}, False),
        ({CARRIER: {"traceparent": HEADER}}, {"completed": 5}, False),
        ({CARRIER: {"traceparent": HEADER, "saq-queued": "7"}}, {"attempts": 1, "queued": 7}, True),
        ({CARRIER: {"traceparent": HEADER, "saq-queued": "7"}}, {"attempts": 1, "queued": 8}, False),
    ],
)
def test_which_context_is_kept(meta: Any, fields: Any, kept: bool) -> None:
    assert carrier.is_kept(meta, job(**fields)) is kept


class Verbose(TextMapPropagator):
    """A propagator that knows no limit."""

    size = carrier.MAX_BAGGAGE_BYTES + 1

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        setter.set(carrier, "baggage", "x" * self.size)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        return context or Context()

    @property
    def fields(self) -> set[str]:
        return {"baggage"}


@pytest.fixture
def verbose() -> Iterator[Verbose]:
    before, propagator = propagate.get_global_textmap(), Verbose()
    propagate.set_global_textmap(propagator)
    yield propagator
    propagate.set_global_textmap(before)


@pytest.mark.parametrize(("size", "kept"), [(carrier.MAX_BAGGAGE_BYTES, True), (carrier.MAX_BAGGAGE_BYTES + 1, False)])
def test_baggage_has_a_limit(verbose: Verbose, size: int, kept: bool) -> None:
    verbose.size = size
    one = job()
    carrier.inject(one, with_baggage=True)
    assert (CARRIER in one.meta) is kept
