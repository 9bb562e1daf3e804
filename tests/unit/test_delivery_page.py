"""Each line of what becomes of a job names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "delivery.md").read_text()
CONTRACT = PAGE.partition("## How it is shown")[0]
ROWS = [line for line in CONTRACT.splitlines() if line.startswith("| ") and "held by" not in line]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_line_names_its_test(row: str) -> None:
    named = row.split("|")[3]
    files = re.findall(r"`([\w/]+\.py)`", named)
    assert files
    sources = []
    for file in files:
        found = list((ROOT / "tests").rglob(file))
        assert len(found) == 1, file
        sources.append(found[0].read_text())
    for part in re.findall(r"`(\w+)`", named):
        assert any(re.search(rf"def test_\w*{part}", source) for source in sources), part


def test_the_contract_has_lines() -> None:
    assert len(ROWS) > 15
