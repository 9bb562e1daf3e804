"""A virtual environment with the stock packages, made once for each state of their requirements."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ("OVERRIDE", "stock_environment")

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "compat.txt"
OVERRIDE = "COMPAT_ENVIRONMENT"
"""The variable that names an environment to be used as it is."""


def stock_environment() -> Path:
    """Return the folder of the environment; the first call makes it, which takes a minute."""
    if given := os.environ.get(OVERRIDE):
        return Path(given)
    mark = f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}".encode()
    digest = hashlib.sha256(mark + REQUIREMENTS.read_bytes()).hexdigest()[:16]
    base = _cache_folder()
    environment, complete = base / f"compat-{digest}", base / f"compat-{digest}.complete"
    with (base / f"compat-{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.exists() and environment.exists()):
            _make(environment)
            complete.touch()
    return environment


def _cache_folder() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    for base in (Path(caches), Path(tempfile.gettempdir())):
        folder = base / "litestar-saq"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise RuntimeError(f"no folder for the stock packages can be written to; set {OVERRIDE}")


def _make(environment: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "python", "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--require-hashes", "--requirement", REQUIREMENTS], check=True)
