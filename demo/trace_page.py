"""The page of a trace: a waterfall in plain HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.spans import Span
    from demo.trace import Trace

__all__ = ("trace_page",)

_STYLE = """
:root { color-scheme: light dark }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .15rem .6rem; text-align: left; white-space: nowrap }
tr:nth-child(even) { background: color-mix(in srgb, currentColor 5%, transparent) }
td.time { text-align: right; font-variant-numeric: tabular-nums }
td.bar { position: relative; width: 40% }
td.bar i { position: absolute; top: 25%; height: 50%; min-width: 2px; border-radius: 2px; background: currentColor }
.ERROR { color: #c0392b }
code { font-size: 12px }
"""
_COLOURS = ("#2b6cb0", "#b7791f", "#2f855a", "#805ad5", "#b83280", "#2c7a7b")


def trace_page(trace_id: str, trace: Trace) -> str:
    """Return the page; until the trace is complete it loads itself again each second."""
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(trace.services)}
    rows = "\n".join(_row(trace, span, depth, colours[span.service]) for depth, span in trace.walk())
    again = "" if trace.complete else '<meta http-equiv="refresh" content="1">'
    state = (
        f"{len(trace.spans)} spans of {len(trace.services)} services in {trace.duration_ms:,.0f} ms"
        if trace.complete
        else f"{len(trace.spans)} spans so far"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Trace {trace_id}</title>{again}<style>{_STYLE}</style></head>
<body>
<h1>Trace <code>{trace_id}</code></h1>
<p>{state}</p>
<table>
<thead><tr><th>Service</th><th>Span</th><th>Kind</th><th>Duration</th><th>Time</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def _row(trace: Trace, span: Span, depth: int, colour: str) -> str:
    whole = (trace.duration_ms or 1) * 1e6
    left = 100 * (span.start_ns - trace.start_ns) / whole
    width = 100 * (span.end_ns - span.start_ns) / whole
    details = "\n".join(f"{key} = {value}" for key, value in span.attributes.items())
    return (
        f'<tr class="{span.status}" title="{escape(details)}">'
        f'<td style="color:{colour}">{escape(span.service)}</td>'
        f'<td style="padding-left:{depth * 1.4 + 0.6:.1f}rem">{escape(span.title)}</td>'
        f'<td>{span.kind}</td><td class="time">{span.duration_ms:,.1f} ms</td>'
        f'<td class="bar" style="color:{colour}"><i style="left:{left:.2f}%;width:{width:.2f}%"></i></td></tr>'
    )
