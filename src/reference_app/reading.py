"""What an uploaded file must be, and how its cells are read."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from reference_app.column_types import reads_as_data

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ("BadFileError", "Layout", "check_file", "read_chunks")

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONVENTION = "the file's first row is row 1"
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SAMPLE_ROWS = 50
_SHOWN = 60

# The csv module's own limit, 128 KiB a cell, is less than an upload may have, and there is no other place to set it.
csv.field_size_limit(2**31 - 1)


class BadFileError(Exception):
    """The file is not a table that can be read; the message is a sentence for whoever sent it."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a file that was found good is laid out."""

    names: list[str]
    """The names of the columns, as they are written."""
    rows: int
    """How many rows there are below the header."""
    encoding: str
    """The encoding, as `bytes.decode` takes it."""
    delimiter: str
    """What is between two cells."""


def check_file(data: bytes, *, max_columns: int) -> Layout:
    """Read a whole file and return its layout.

    Args:
        data: the file.
        max_columns: the most columns that are taken.

    Raises:
        BadFileError: where the file is empty or no text, has no header, has a header with a name twice or too many
            names, or a row with more or fewer cells than the header.
    """
    encoding = _check_text(data)
    delimiter = _find_delimiter(data, encoding)
    records = _records(data, encoding, delimiter)
    row, names = next(records)
    _check_header(row, names, max_columns)
    rows = 0
    for row, cells in records:
        if len(cells) != len(names):
            raise BadFileError(_ragged(row, len(cells), len(names), delimiter))
        rows += 1
    return Layout(names=names, rows=rows, encoding=encoding, delimiter=delimiter)


def read_chunks(data: bytes, layout: Layout, *, cells: int = 200_000) -> Iterator[list[list[str | None]]]:
    """Yield the file's columns, some rows at a time.

    Args:
        data: the file.
        layout: what `check_file` returned for it.
        cells: about how many cells are read at a time.

    Yields:
        For each column its next cells from top to bottom, None where one is empty or white space alone.
    """
    records = _records(data, layout.encoding, layout.delimiter)
    next(records)
    rows = max(1, cells // len(layout.names))
    while chunk := [cells for _, cells in islice(records, rows)]:
        yield [[None if not cell or cell.isspace() else cell for cell in column] for column in zip(*chunk, strict=True)]


def _check_text(data: bytes) -> str:
    """Return the encoding of what is text and not blank."""
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, errors="ignore")
        raise BadFileError(
            "The file is not text in UTF-8, or in UTF-16 with a byte order mark:"
            f" row {_row_after(before)} has the byte 0x{data[error.start]:02x} where it can't be ({_CONVENTION})."
        ) from error
    if (at := text.find("\0")) >= 0:
        raise BadFileError(
            f"The file is not text: row {_row_after(text[:at])} has a NUL character ({_CONVENTION};"
            " UTF-16 needs a byte order mark)."
        )
    if not text or text.isspace():
        raise BadFileError("The file is empty: a header and rows are needed.")
    return encoding


def _row_after(text: str) -> int:
    return sum(1 for _ in csv.reader(io.StringIO(f"{text}.", newline="")))


def _records(data: bytes, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with its number; blank lines are counted and left out."""
    row, width = 0, 0
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline="")
    try:
        for row, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1):
            # In a table of one column a cell of white space is a row; elsewhere it is a blank line.
            if not cells or (width != 1 and len(cells) == 1 and not cells[0].strip()):
                continue
            width = width or len(cells)
            yield row, cells
    except csv.Error as error:
        raise BadFileError(_broken(row + 1, str(error))) from error


def _find_delimiter(data: bytes, encoding: str) -> str:
    """Return the first delimiter by which the file's beginning is a table, else the first that finds any cells."""
    widths = {delimiter: _sample_widths(data, encoding, delimiter) for delimiter in _DELIMITERS}
    several = {delimiter: found for delimiter, found in widths.items() if found and found[0] > 1}
    even = (delimiter for delimiter, found in several.items() if len(set(found)) == 1)
    return next(even, next(iter(several), ","))


def _sample_widths(data: bytes, encoding: str, delimiter: str) -> list[int]:
    try:
        return [len(cells) for _, cells in islice(_records(data, encoding, delimiter), _SAMPLE_ROWS)]
    except BadFileError:
        return []


def _check_header(row: int, names: list[str], max_columns: int) -> None:
    if not any(name.strip() for name in names):
        raise BadFileError(f"The file has no header: row {row}, where the columns' names should be, is blank.")
    if all(reads_as_data(name) for name in names):
        raise BadFileError(
            f"The file has no header: every cell of row {row} is a number, a date or a boolean"
            f" (the first is {_short(names[0])}), where the columns' names should be."
        )
    if len(names) > max_columns:
        raise BadFileError(f"The header (row {row}) has {len(names)} columns, but at most {max_columns} are taken.")
    seen: dict[str, int] = {}
    for at, name in enumerate(names, start=1):
        # The first name may be blank: so R and pandas write the labels of rows.
        if at > 1 and not name.strip():
            raise BadFileError(f"The header (row {row}) has no name for column {at}.")
        if name in seen:
            raise BadFileError(
                f"The header (row {row}) has the name {_short(name)} twice: for column {seen[name]} and column {at}."
            )
        seen[name] = at


def _ragged(row: int, found: int, expected: int, delimiter: str) -> str:
    cells = f"{found} cell" if found == 1 else f"{found} cells"
    return (
        f"Row {row} has {cells} where the header has {expected}"
        f" ({_CONVENTION}; the cells are delimited by the {_DELIMITERS[delimiter]})."
    )


def _broken(row: int, problem: str) -> str:
    if "unexpected end" in problem:
        return f"Row {row} opens a quote that is never closed ({_CONVENTION})."
    if "expected after" in problem:
        return f"Row {row} has text between a closing quote and the delimiter after it ({_CONVENTION})."
    return f"Row {row} can't be read as CSV: {problem} ({_CONVENTION})."


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
