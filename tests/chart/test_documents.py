"""What is written about the chart is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from tests.chart.rendering import CHART, REPOSITORY, ROOT


def test_every_value_is_documented_and_the_table_is_that_of_the_values(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "helm")
    ended = subprocess.run(
        [REPOSITORY / "helm" / "make-readme", tmp_path / "helm"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "VENV": sys.prefix},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    made, there = ((folder / "README.md").read_text() for folder in (tmp_path / "helm", CHART))
    assert _without_columns(made) == _without_columns(there)


def _without_columns(table: str) -> str:
    """Return a table without the width of its columns, which another name of the project changes."""
    return re.sub(r"(?<=-)-+", "", re.sub(r" +", " ", table))


def test_the_readme_shows_the_values_for_production() -> None:
    shown = re.findall(r"<!-- (helm/ci/\S+) -->\n```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert [path for path, _ in shown] == ["helm/ci/production.yaml"]
    for path, text in shown:
        assert text == (ROOT / path).read_text()


def test_the_chart_has_the_project_s_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == version


def test_the_image_is_compose_s() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert f":-{values['image']['repository']}}}" in (ROOT / "compose.yaml").read_text()
