"""The peers' environments, of requirements that ask for nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.comparison import environments
from benchmarks.comparison.environments import interpreter
from benchmarks.comparison.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.timeout(600)  # environments are made


@pytest.fixture
def require(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say what SAQ's environment has to hold."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)

    def write(text: str) -> None:
        (tmp_path / "saq.txt").write_text(text)

    return write


def test_ours_runs_by_this_python() -> None:
    assert interpreter(VARIANTS["ours"], pytest.fail) == Path(sys.executable)


def test_an_environment_is_made_once_for_its_requirements(require: Callable[[str], None], tmp_path: Path) -> None:
    told: list[str] = []
    require("# nothing")
    python = interpreter(VARIANTS["saq"], told.append)
    assert python.is_relative_to(tmp_path / "cache" / "litestar-saq")
    assert subprocess.run([python, "-c", "import saq"], capture_output=True, check=False).returncode == 1
    assert interpreter(VARIANTS["saq"], told.append) == python
    assert told == ["making the environment of SAQ"]
    require("# something else")
    assert interpreter(VARIANTS["saq"], told.append) != python
    assert len(told) == 2


def test_what_was_begun_and_not_ended_is_made_anew(require: Callable[[str], None]) -> None:
    require("not-locked==1.0")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            interpreter(VARIANTS["saq"], lambda _: None)
