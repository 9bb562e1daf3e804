from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def make_span() -> Callable[..., Span]:
    """Make a span of one trace; ids are given as small numbers, times in milliseconds."""

    def make(number: int, parent: int | None = None, *, start: int = 0, end: int = 1, **fields: Any) -> Span:
        defaults = {"service": "api", "name": f"span {number}", "kind": "INTERNAL", "trace_id": TRACE_ID}
        return Span(
            **{**defaults, **fields},
            span_id=f"{number:016x}",
            parent_id=None if parent is None else f"{parent:016x}",
            start_ns=start * 1_000_000,
            end_ns=end * 1_000_000,
        )

    return make
