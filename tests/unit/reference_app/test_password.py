from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_text("")
    return path


def provide(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_app.password", *map(str, paths)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT / "src")}, timeout=60
    )


def test_one_is_made_and_stays(given: Path, tmp_path: Path) -> None:
    target = tmp_path / "password"
    assert provide(given, target).stdout == "A password was made.\n"
    made = target.read_text()
    assert len(made) > 40
    assert target.stat().st_mode & 0o777 == 0o444
    assert provide(given, target).stdout == "The password stays.\n"
    assert target.read_text() == made


def test_the_given_one_wins(given: Path, tmp_path: Path) -> None:
    target = tmp_path / "password"
    provide(given, target)
    given.write_text("mine\n")
    ended = provide(given, target)
    assert (ended.returncode, ended.stdout) == (0, "The password is the given one.\n")
    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "password"]


def test_what_can_t_be_done_is_said_in_one_line(given: Path, tmp_path: Path) -> None:
    ended = provide(given, tmp_path / "no" / "folder")
    assert ended.returncode == 1
    assert ended.stderr.startswith("The password can't be provided: ")
    assert ended.stderr.count("\n") == 1
    assert provide(given).returncode == 2
