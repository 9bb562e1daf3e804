"""A trace: its spans as a tree, and whether all of them are there."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from demo.spans import Span

__all__ = ("Trace",)


class Trace:
    """The spans of one trace, in the order in which they began."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans, key=attrgetter("start_ns"))
        self._ids = {span.span_id for span in self.spans}
        self._children: dict[str | None, list[Span]] = {}
        for span in self.spans:
            self._children.setdefault(self._known_parent(span), []).append(span)

    def _known_parent(self, span: Span) -> str | None:
        return span.parent_id if span.parent_id in self._ids else None

    @property
    def roots(self) -> list[Span]:
        """Spans without a parent, or whose parent has not arrived."""
        return self._children.get(None, [])

    @property
    def start_ns(self) -> int:
        """When the trace began (0 where it is empty)."""
        return self.spans[0].start_ns if self.spans else 0

    @property
    def duration_ms(self) -> float:
        """From the first span's start to the last one's end."""
        return max((span.end_ns - self.start_ns for span in self.spans), default=0) / 1e6

    @property
    def services(self) -> list[str]:
        """The names of the services that took part, in the order of their first span."""
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def complete(self) -> bool:
        """Whether every span has its parent, and every job that was enqueued has run.

        A span is exported after those under it, by its process, so that nothing is
        missing where both hold.
        """
        ran = {span.parent_id for span in self.spans if span.kind == "CONSUMER"}
        ran |= {link.span_id for span in self.spans if span.kind == "CONSUMER" for link in span.links}
        return bool(self.spans) and all(
            (span.parent_id is None or span.parent_id in self._ids)
            and (span.kind != "PRODUCER" or _without_job(span) or span.span_id in ran)
            for span in self.spans
        )

    def children(self, span: Span) -> list[Span]:
        """Return the spans right under one."""
        return self._children.get(span.span_id, [])

    def walk(self) -> Iterator[tuple[int, Span]]:
        """Yield every span after its parent, with its depth."""
        waiting = [(0, span) for span in reversed(self.roots)]
        while waiting:
            depth, span = waiting.pop()
            yield depth, span
            waiting += [(depth + 1, child) for child in reversed(self.children(span))]


def _without_job(span: Span) -> bool:
    """Tell whether an enqueue has made no job: it found one there already, or it failed."""
    return bool(span.attributes.get("saq.enqueue.deduplicated")) or span.status == "ERROR"
