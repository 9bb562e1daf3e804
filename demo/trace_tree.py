"""A trace as a tree for the terminal."""

from __future__ import annotations

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

    A span's commands to Redis are told in its own line, unless one failed.

    Args:
        trace_id: the trace's id.
        trace: the trace.
        max_spans: how many spans have a line; how many more there are is said.
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
    lines = [(depth, span) for depth, span in trace.walk() if not _is_command(trace, span)]
    for depth, span in lines[:max_spans]:
        del branches[depth + 1 :]
        branches.append(branches[depth].add(_line(trace, span, styles[span.service])))
    if (more := len(lines) - max_spans) > 0:
        tree.add(f"and {more:,} more spans, which the trace's page shows")
    return tree


def _is_command(trace: Trace, span: Span) -> bool:
    """Tell whether a span is a command to Redis that says nothing by itself."""
    is_leaf = span.parent_id is not None and not trace.children(span)
    return is_leaf and span.attributes.get("db.system") == "redis" and span.status != "ERROR"


def _line(trace: Trace, span: Span, style: str) -> Text:
    after_ms = (span.start_ns - trace.start_ns) / 1e6
    commands = [child for child in trace.children(span) if _is_command(trace, child)]
    spent_ms = sum(command.duration_ms for command in commands)
    return Text.assemble(
        f"{span.duration_ms:,.1f} ms  ",
        (span.service, style),
        "  ",
        (span.title, "bold red" if span.status == "ERROR" else "bold"),
        (f"  {span.kind}", "dim"),
        (f"  at {after_ms:,.0f} ms", "dim"),
        (f"  {len(commands)} to Redis, {spent_ms:,.1f} ms" if commands else "", "dim"),
        (f"  {span.status_message}" if span.status == "ERROR" else "", "red"),
        no_wrap=True,
        overflow="ellipsis",
    )
