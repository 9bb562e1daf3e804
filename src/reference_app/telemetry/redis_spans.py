"""Spans of Redis commands.

The instrumentation tells all commands of a pipeline, of which a file of a thousand columns has thousands. Here each
kind of command is told once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

__all__ = ("PipelineNames", "instrument_redis")

_SCOPE = "opentelemetry.instrumentation.redis"
_STATEMENTS = ("db.statement", "db.query.text")
"""The attribute in the conventions of yesterday and of today (`OTEL_SEMCONV_STABILITY_OPT_IN`)."""


def instrument_redis() -> None:
    """Make a span of each command that is sent while nobody suppresses it; a second call changes nothing."""
    if not (instrumentor := RedisInstrumentor()).is_instrumented_by_opentelemetry:
        instrumentor.instrument(response_hook=_shorten_statement)


class PipelineNames(SpanProcessor):
    """Names a pipeline's span by its different commands."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the base class'
        """Shorten the name."""
        scope = span.instrumentation_scope
        if scope is not None and scope.name == _SCOPE:
            span.update_name(" ".join(dict.fromkeys(span.name.split())))


def _shorten_statement(span: trace.Span, _client: Any, _response: Any) -> None:
    attributes = span.attributes if isinstance(span, ReadableSpan) else None
    for name in _STATEMENTS:
        if isinstance(statement := (attributes or {}).get(name), str):
            span.set_attribute(name, "\n".join(dict.fromkeys(statement.splitlines())))
