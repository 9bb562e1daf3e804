"""The context of a trace in a job's metadata: read, written, kept.

Beside the propagator's headers the carrier holds entries of ours, `saq-*`: the last attempt's `traceparent`, what made
the job run, and the propagation that was asked for. Others ignore them.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from litestar_saq._metadata import CARRIER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from saq.job import Job

__all__ = (
    "ASKED",
    "CRON",
    "MAX_BAGGAGE_BYTES",
    "PREVIOUS",
    "TRIGGER",
    "annotate",
    "asking",
    "carrier_in",
    "entry",
    "extract",
    "inject",
    "is_kept",
    "note",
    "previous_in",
    "span_context_in",
)

logger = logging.getLogger(__name__)

PREVIOUS: Final = "saq-prev"
TRIGGER: Final = "saq-trigger"
CRON: Final = "saq-cron"
ASKED: Final = "saq-propagation"
AGAIN: Final = "saq-queued"
"""When a finished job was enqueued again (its `queued`): what it carries is of this life then, not of the last."""
MAX_BAGGAGE_BYTES: Final = 8192
_BAGGAGE: Final = "baggage"
_W3C: Final = TraceContextTextMapPropagator()
_NOTHING: Final[tuple[Context, SpanContext | None]] = (Context(), None)
_TRACEPARENT: Final = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def carrier_in(meta: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the carrier in a job's metadata; an empty one where there is none."""
    if not meta:
        return {}
    carrier = meta.get(CARRIER)
    if isinstance(carrier, dict):
        return {name: value for name, value in carrier.items() if isinstance(value, str)}
    # Producers in other languages may write the headers side by side with their own metadata.
    return {name: meta[name] for name in ("traceparent", "tracestate", _BAGGAGE) if isinstance(meta.get(name), str)}


def extract(carrier: dict[str, str], *, with_baggage: bool = True) -> tuple[Context, SpanContext | None]:
    """Return the context that a carrier holds, and nothing of the current one, with its span where it has one."""
    if not carrier:
        return _NOTHING
    if "tracestate" not in carrier and _BAGGAGE not in carrier and _is_default(propagate.get_global_textmap()):
        return _of_parent(carrier.get("traceparent", ""))
    context = propagate.extract(carrier, context=Context())
    return _with_span(context if with_baggage else baggage.clear(context))


def _with_span(context: Context) -> tuple[Context, SpanContext | None]:
    found = trace.get_current_span(context).get_span_context()
    return context, found if found.is_valid else None


@lru_cache(maxsize=4)
def _is_default(textmap: object) -> bool:
    """Tell whether W3C's trace context and baggage are read, and nothing else."""
    parts = getattr(textmap, "_propagators", ())
    return {type(part) for part in parts} == {TraceContextTextMapPropagator, W3CBaggagePropagator}


@lru_cache(maxsize=256)
def _of_parent(header: str) -> tuple[Context, SpanContext | None]:
    """Return what a `traceparent` alone tells, in less time than the propagators take; jobs of a call share it."""
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return _with_span(_W3C.extract({"traceparent": header}, Context()))
    trace_id, span_id, flags = found.groups()
    span_context = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    if not span_context.is_valid:
        return _NOTHING
    return trace.set_span_in_context(trace.NonRecordingSpan(span_context), _NOTHING[0]), span_context


def span_context_in(meta: Mapping[str, Any] | None) -> SpanContext | None:
    """Return the span that enqueued the job; None where none is told."""
    return extract(carrier_in(meta))[1]


def is_kept(meta: Mapping[str, Any] | None, job: Job | None) -> bool:
    """Tell whether a job that is enqueued brings along what it keeps: a context, or that it has none.

    A producer may have given it one, or have enqueued it at a proxy of ours. What a finished job carries is of its
    last life, and is replaced when it is enqueued again.
    """
    brought = carrier_in(meta)
    if job is not None and (job.attempts or job.completed):
        return brought.get(AGAIN) == str(job.queued)
    return brought.get(TRIGGER) == "cron" or brought.get(ASKED) == "none" or span_context_in(meta) is not None


def previous_in(carrier: Mapping[str, str]) -> SpanContext | None:
    """Return the span of the job's last attempt; None where there was none."""
    header = carrier.get(PREVIOUS)
    if not header:
        return None
    return _with_span(_W3C.extract({"traceparent": header}, Context()))[1]


def entry(job: Job, name: str) -> str | None:
    """Return an entry of ours; None where it is missing."""
    return carrier_in(job.meta).get(name)


def annotate(job: Job, entries: dict[str, str]) -> None:
    """Set entries of ours, beside what the carrier holds. The metadata is copied: it may be shared."""
    job.meta = dict(job.meta or {})
    note(job, entries)


def note(job: Job, entries: dict[str, str]) -> None:
    """Set entries of ours in a job that runs here: in its own metadata, which the function may hold."""
    job.meta[CARRIER] = carrier_in(job.meta) | entries


def inject(
    job: Job, *, with_baggage: bool, context: Context | None = None, entries: Mapping[str, str] | None = None
) -> None:
    """Write a context (the current one by default) into a job, in place of what it holds; the metadata is copied."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, context=context)
    if not with_baggage:
        carrier.pop(_BAGGAGE, None)
    elif len(carrier.get(_BAGGAGE, "").encode()) > MAX_BAGGAGE_BYTES:
        del carrier[_BAGGAGE]
        logger.debug("the baggage of job %s has more than %d bytes, it is left out", job.key, MAX_BAGGAGE_BYTES)
    if job.attempts or job.completed:
        carrier[AGAIN] = str(job.queued)
    write(job, {**carrier, **(entries or {})})


def asking(propagation: str | None) -> dict[str, str]:
    """Return the entry of the propagation that was asked for."""
    return {ASKED: propagation} if propagation else {}


def write(job: Job, carrier: Mapping[str, str]) -> None:
    """Replace a job's carrier; an empty one is left out."""
    meta = {name: value for name, value in (job.meta or {}).items() if name != CARRIER}
    job.meta = {**meta, CARRIER: dict(carrier)} if carrier else meta


def header_of(context: SpanContext) -> str:
    """Return a span's `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
