"""The demo's command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("EXAMPLES", "Options", "read_options")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "data"
MAX_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the demo was asked to do."""

    files: tuple[Path, ...]
    """The CSV files to send."""
    once: bool
    """Whether to end after the reports rather than to serve on."""
    as_json: bool
    """Whether standard output holds the report's JSON alone."""
    port: int
    """The API's port; 0 for any free one."""


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line (this process' by default); ends the process where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Run the API and its workers, send CSV files, show each report and its trace.",
    )
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.csv", help="send this file, not examples/data/*.csv"
    )
    parser.add_argument("--once", action="store_true", help="end after FILE.csv rather than to serve until Ctrl-C")
    parser.add_argument(
        "--json", action="store_true", help="with --once: write the report's JSON, and it alone, to standard output"
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="the page's port; a free one is chosen where it is taken (%(default)s)"
    )
    given = parser.parse_args(arguments)
    if given.once and given.file is None:
        parser.error("--once needs a file: --once FILE.csv")
    if given.json and not given.once:
        parser.error("--json goes with --once: --once --json FILE.csv")
    if given.file is not None and not given.file.is_file():
        parser.error(f"{given.file} is not a file")
    files = (given.file,) if given.file else tuple(sorted(EXAMPLES.glob("*.csv")))
    return Options(files=files, once=given.once, as_json=given.json, port=given.port)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to {MAX_PORT}")
    return int(text)
