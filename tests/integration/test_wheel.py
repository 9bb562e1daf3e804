"""What is published: the library alone, which runs with nothing else installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (made,) = folder.glob("*.whl")
    return made


def test_it_holds_the_library_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"litestar_saq"}
    assert "litestar_saq/py.typed" in names
    assert any(name.startswith("litestar_saq/web/static/") for name in names)


def test_its_metadata_has_the_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Name"] == "litestar-saq"
    assert {"otel", "postgres", "http", "embedded", "all"} <= set(metadata.get_all("Provides-Extra") or ())


@pytest.mark.timeout(300)
def test_alone_it_runs_the_first_example(wheel: Path, redis_url: str, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=120)
    subprocess.run([venv / "bin" / "pip", "install", "--quiet", wheel], check=True, timeout=240)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LITESTAR_", "PYTHON"))}
    env["REDIS_URL"] = redis_url
    command = [venv / "bin" / "litestar", "--app-dir=examples/", "--app", "basic:app", "workers"]
    for _ in range(3):  # where the machine stalls, an answer may take longer than it is given
        status = subprocess.run(
            [*command, "status", "--json"],
            cwd=ROOT,
            env=env,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if status.returncode == 0:
            break
    assert status.returncode == 0, status.stderr
    assert '"reachable": true' in status.stdout
    with subprocess.Popen([*command, "run"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        assert any("Worker starting" in line for line in run.stderr)
        run.terminate()
        run.communicate(timeout=60)
    assert run.returncode == 0
