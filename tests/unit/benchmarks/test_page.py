"""What scripts write into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.page import markdown_table, write_between

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_has_its_columns_below_each_other() -> None:
    assert markdown_table(("setting", "jobs"), [("one", "5"), ("another", "12345")]).splitlines() == [
        "| setting |  jobs |",
        "|---------|------:|",
        "| one     |     5 |",
        "| another | 12345 |",
    ]


def test_text_goes_between_its_own_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x begin -->\nold\n<!-- x end -->\n<!-- y begin -->\n<!-- y end -->\nb\n")
    write_between(page, "y", r"new \1")
    write_between(page, "x", "newer")
    assert page.read_text() == (
        "a\n<!-- x begin -->\nnewer\n<!-- x end -->\n<!-- y begin -->\nnew \\1\n<!-- y end -->\nb\n"
    )


def test_a_page_without_the_markers_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- x begin -->\n")
    with pytest.raises(LookupError, match=r"page\.md has the markers of 'x' 0 times"):
        write_between(page, "x", "")
