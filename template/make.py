"""Makes a project of one's own from this repository: `make template DEST=../my-service NAME=my_service`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

from copier import run_copy
from copier.errors import CopierError
from names import find_problem
from plumbum import ProcessExecutionError

ROOT = Path(__file__).resolve().parent.parent
NEXT = """Made {dest}. Go on there:
  git init && git add --all && git commit --message 'Made from the template'
  make demo    # the whole of it, without Docker
  make test"""


def check(name: str, dest: Path) -> str | None:
    """Return what is wrong with what was asked for, in one line; None where nothing is."""
    if not name or dest == Path():
        return "Say where, and what it is called: make template DEST=../my-service NAME=my_service"
    problem = find_problem(name) or (find_spec(name) and "is a package that the project itself needs")
    if problem:
        return f"NAME={name} {problem}"
    if dest.exists() and not dest.is_dir():
        return f"DEST={dest} is a file"
    if dest.is_dir() and any(dest.iterdir()):
        return f"DEST={dest} is there already, and not empty"
    parent = dest.absolute().parent
    return None if parent.is_dir() else f"DEST={dest}: there is no folder {parent}"


def make(name: str, dest: Path, source: str | None) -> None:
    """Make a project, or nothing.

    Args:
        name: its package.
        dest: its folder.
        source: the address of the repository, whose newest tag is taken; None is this checkout's last commit.
    """
    head = None
    if source is None:
        git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
        asked = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603 - the words are those above
        if asked.returncode:
            raise OSError(f"{ROOT} is no checkout of a commit; name the repository: FROM=address")
        head = asked.stdout.strip()
    with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.absolute().parent) as folder:
        made = Path(folder) / "project"
        # It warns that a repository has no version yet.
        with warnings.catch_warnings(action="ignore"):
            run_copy(
                source or str(ROOT), made, data={"name": name}, vcs_ref=head, defaults=True, unsafe=True, quiet=True
            )
        made.rename(dest)


def main() -> int:
    """Make the project that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="")
    parser.add_argument("--dest", default=Path(), type=Path)
    parser.add_argument("--from", dest="source", metavar="ADDRESS", help="the repository, if not this checkout")
    asked = parser.parse_args()
    problem = check(asked.name, asked.dest)
    if problem is None:
        try:
            make(asked.name, asked.dest, asked.source)
        except ProcessExecutionError as error:
            problem = f"FROM={asked.source}: {error.stderr.strip().splitlines()[-1]}"
        except (CopierError, OSError) as error:
            problem = f"Nothing was made: {error}"
    print(problem or NEXT.format(dest=asked.dest), file=sys.stderr)
    return 2 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
