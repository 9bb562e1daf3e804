"""A trace as a tree for the terminal."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from demo.spans import Span
    from demo.trace import Trace

__all__ = ("trace_tree",)

_STYLES = ("cyan", "yellow", "green", "magenta", "blue", "bright_red")


def trace_tree(trace_id: str, trace: Trace, *, max_spans: int = 200) -> Tree:
    """Return the spans under their parents, each with its duration, service, name, kind and start.

    Args:
        trace_id: the trace's id.
        trace: the trace.
        max_spans: how many spans are shown; how many more there are is said.
    """
    styles = {name: _STYLES[place % len(_STYLES)] for place, name in enumerate(trace.services)}
    head = Text.assemble(
        ("Trace ", "bold"),
        (trace_id, "bold"),
        f"  {len(trace.spans)} spans of {len(trace.services)} services in {trace.duration_ms:,.0f} ms",
        ("" if trace.complete else "  (incomplete)", "red"),
    )
    tree = Tree(head, guide_style="dim")
    branches = [tree]
    for depth, span in islice(trace.walk(), max_spans):
        del branches[depth + 1 :]
        branches.append(branches[depth].add(_line(trace, span, styles[span.service])))
    if (more := len(trace.spans) - max_spans) > 0:
        tree.add(f"and {more:,} more spans, which the trace's page shows")
    return tree


def _line(trace: Trace, span: Span, style: str) -> Text:
    after_ms = (span.start_ns - trace.start_ns) / 1e6
    return Text.assemble(
        f"{span.duration_ms:,.1f} ms  ",
        (span.service, style),
        "  ",
        (span.title, "bold red" if span.status == "ERROR" else "bold"),
        (f"  {span.kind}", "dim"),
        (f"  at {after_ms:,.0f} ms", "dim"),
        (f"  {span.status_message}" if span.status == "ERROR" else "", "red"),
        no_wrap=True,
        overflow="ellipsis",
    )
