"""The README is true: its snippets are files that tests run, its table names what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"<!-- (\S+?\.py)(?:: [^>]*)? -->\n```python\n(.*?)```", README, re.DOTALL)


def test_every_python_snippet_names_its_file() -> None:
    assert len(SNIPPETS) == README.count("```python")


@pytest.mark.parametrize(("path", "snippet"), SNIPPETS)
def test_a_snippet_is_what_its_file_says(path: str, snippet: str) -> None:
    assert snippet.strip() in (ROOT / path).read_text()


def test_the_layout_table_names_what_is_there() -> None:
    table = README.split("## What is where")[1]
    paths = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    plugin = next(line for line in table.splitlines() if line.startswith("| `src/litestar_saq/`"))
    named = set(re.findall(r"`(\w+)`", plugin))
    there = {path.stem for path in (ROOT / "src/litestar_saq").glob("*.py") if not path.stem.startswith("_")}
    assert named == there - {"exceptions", "typing"}


def test_make_targets_of_the_readme_exist() -> None:
    # `make update` is one of a project that is made from this one.
    makefile = (ROOT / "Makefile").read_text() + (ROOT / "template" / "project" / "Makefile").read_text()
    for target in set(re.findall(r"`?make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_pictures_of_the_readme_exist() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).stat().st_size > 10_000, path
