"""What a script writes into a page: its tables stand between markers, the words around them are a person's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ("markdown_table", "write_between")


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is to the left, the others to the right."""
    widths = [max(len(line[at]) for line in (titles, *rows)) for at in range(len(titles))]
    rule = [f"-{'-' * widths[0]}-", *(f"-{'-' * width}:" for width in widths[1:])]
    lines = [_line(titles, widths), f"|{'|'.join(rule)}|", *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def write_between(page: Path, name: str, text: str) -> None:
    """Put text between `<!-- NAME begin -->` and `<!-- NAME end -->`.

    Raises:
        LookupError: where the page does not have the two.
    """
    between = re.compile(rf"(?<=<!-- {name} begin -->\n).*?(?=<!-- {name} end -->)", re.DOTALL)
    written, count = between.subn(lambda _: f"{text}\n", page.read_text("utf-8"))
    if count != 1:
        raise LookupError(f"{page.name} has the markers of {name!r} {count} times, once was expected")
    page.write_text(written, "utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join((first, *others))} |"
