"""This working tree as a template, in a repository of its own, and projects made from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the `make` that runs these tests has handed down is of its own.
INHERITED = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VENV", "PYTHON", "VIRTUAL_ENV", "PYTHONPATH")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in INHERITED and not name.startswith("PYTEST_")},
    **{f"GIT_{who}_{what}": "someone@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command; return its output, whatever it says."""
    environment = {**ENVIRONMENT, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def git(folder: Path, *arguments: str) -> str:
    ended = run("git", *arguments, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def commit(folder: Path, *tags: str) -> None:
    """Commit everything in a folder, which becomes a repository."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", "All of it")
    for tag in tags:
        git(folder, "tag", tag)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository with this working tree as its version 0.9.0, whatever of it is committed here."""
    folder = tmp_path / "template"
    for path in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / path).is_file():  # not one that is deleted, and not committed so
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    commit(folder, "v0.9.0")
    return folder


@pytest.fixture
def make_template(template: Path) -> Run:
    """`make template` of that repository."""

    def make(name: str, dest: object, *more: str) -> subprocess.CompletedProcess[str]:
        venv = Path(sys.executable).parents[1]
        words = (f"NAME={name}", f"DEST={dest}", f"FROM={template}", f"VENV={venv}", *more)
        return run("make", "--no-print-directory", "template", *words, cwd=ROOT)

    return make
