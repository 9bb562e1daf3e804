"""Each peer's virtual environment, made once for each state of its locked requirements."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.comparison.variants import Variant

__all__ = ("interpreter",)

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "bench"


def interpreter(variant: Variant, tell: Callable[[str], None]) -> Path:
    """Return the Python that a variant runs by; the first call makes its environment, which takes a moment."""
    if not variant.own_environment:
        return Path(sys.executable)
    requirements = REQUIREMENTS / f"{variant.module}.txt"
    environment = _folder(requirements, variant.name)
    complete = environment.with_name(f"{environment.name}.complete")
    # Two runs at once make it once.
    with environment.with_name(f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.exists() and environment.exists()):
            tell(f"making the environment of {variant.title}")
            _make(environment, requirements)
            complete.touch()
    return environment / "bin" / "python"


def _folder(requirements: Path, name: str) -> Path:
    """Return a folder of the user's cache that another Python or another state of the requirements does not share."""
    mark = f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}".encode()
    key = hashlib.sha256(mark + requirements.read_bytes()).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "litestar-saq"
    caches.mkdir(parents=True, exist_ok=True)
    return caches / f"bench-{name}-{key}"


def _make(environment: Path, requirements: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    pip = ("-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "install", "--require-hashes")
    for command in (
        (sys.executable, "-m", "venv", str(environment)),
        (str(environment / "bin" / "python"), *pip, "--requirement", str(requirements)),
    ):
        subprocess.run(command, check=True)  # noqa: S603 - our own requirements
