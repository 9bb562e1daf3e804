"""Writes a project into this folder, from the checkout that this file is in: `write.py NAME`. Copier runs it.

The result is that of the checkout and of NAME alone, so that Copier can tell what the template's versions changed from
what the project's owner did.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from locks import needed
from names import find_problem, rename

TEMPLATE = Path(__file__).resolve().parent
ROOT = TEMPLATE.parent
OVERLAY = TEMPLATE / "project"


class TemplateError(Exception):
    """No project can be made of this checkout."""


def taken() -> list[Path]:
    """Return the repository's files that a project has, too, as template/taken.txt lists them."""
    patterns = [line.split("#")[0].strip() for line in (TEMPLATE / "taken.txt").read_text().splitlines()]
    files: set[Path] = set()
    for pattern in filter(None, patterns):
        found = ROOT / pattern.removeprefix("!")
        these = {path for path in ([found] if found.is_file() else found.rglob("*")) if path.is_file()}
        files = files - these if pattern.startswith("!") else files | these
    return sorted(path for path in files if "__pycache__" not in path.parts)


def edited(path: str, text: str, edits: dict[str, list[dict[str, str]]]) -> str:
    """Return a file's text with the changes of template/edits.toml."""
    for edit in edits.get(path, []):
        if text.count(edit["old"]) != 1:
            raise TemplateError(f"template/edits.toml: {path} has {text.count(edit['old'])} times: {edit['old']}")
        text = text.replace(edit["old"], edit["new"])
    return text


def write_file(source: Path, path: str, folder: Path, name: str, text: str | None) -> None:
    """Write one file; with no text, as it is."""
    target = folder / rename(path, name, of_library=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        shutil.copyfile(source, target)
    else:
        target.write_text(text)
    shutil.copymode(source, target)


def write_requirements(folder: Path) -> None:
    """Write the locked requirements, from the repository's."""
    library = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own: dict[str, Any] = tomllib.loads((OVERLAY / "pyproject.toml").read_text())
    extras = library["optional-dependencies"]
    app = [*own["project"]["dependencies"], *library["dependencies"], *extras["otel"]]
    demo = [*app, *extras["embedded"], *own["dependency-groups"]["demo"]]
    dev = [*demo, *own["dependency-groups"]["dev"]]
    for lock, roots in {"image": app, "app": demo, "dev": dev, "wheel": ["hatchling"]}.items():
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        (folder / "requirements" / f"{lock}.txt").write_text(needed(text, roots))
    # By itself, since the file of a release can't know that release's hash; the project's `make lock` writes it.
    (folder / "requirements" / "library.txt").write_text(f"litestar-saq=={library['version']}\n")


def write_project(folder: Path, name: str) -> None:
    """Write the whole project."""
    edits = tomllib.loads((TEMPLATE / "edits.toml").read_text())
    for source in taken():
        path = source.relative_to(ROOT).as_posix()
        try:
            # Who made what is taken stays as it is.
            text = rename(edited(path, source.read_text(), edits), name, of_library=path == "LICENSE")
        except UnicodeDecodeError:
            text = None
        write_file(source, path, folder, name, text)
    for source in sorted(path for path in OVERLAY.rglob("*") if path.is_file()):
        text = rename(source.read_text(), name, of_library=True)
        write_file(source, source.relative_to(OVERLAY).as_posix(), folder, name, text)
    write_requirements(folder)
    # Another name is sorted elsewhere, and fills lines otherwise.
    for command in (("check", "--select=I", "--fix"), ("format",)):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache", str(folder)]
        if subprocess.run(ruff, check=False).returncode:  # noqa: S603 - the words are those above
            raise TemplateError("ruff can't put the project's code in form")


def main() -> int:
    """Write the project that the command line names; return the exit code."""
    name = sys.argv[1]
    if problem := find_problem(name):
        print(f"{name} {problem}", file=sys.stderr)
        return 2
    if find_spec("ruff") is None:
        print("ruff has to be installed beside Copier: uvx --with ruff copier ...", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"  # which others may read, as a project's folder
        try:
            write_project(project, name)
        except TemplateError as error:
            print(error, file=sys.stderr)
            return 1
        shutil.copytree(project, Path.cwd(), dirs_exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
