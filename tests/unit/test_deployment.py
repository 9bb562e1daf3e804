"""What the deployment's files say of each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_variable_of_compose_is_in_the_example() -> None:
    variables = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert variables
    assert variables - named == set()


def test_the_image_has_the_project_s_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in (ROOT / "docker" / "Dockerfile").read_text()


def test_grafana_has_no_administrator_of_a_known_password() -> None:
    assert 'GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: "true"' in (ROOT / "compose.yaml").read_text()
