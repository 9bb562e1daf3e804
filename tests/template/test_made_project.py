"""A made project holds by its own tests, in an environment of its own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.template.conftest import ROOT, Run, commit, run

pytestmark = pytest.mark.timeout(900)


def test_its_own_tests_and_checks_pass(make_template: Run, tmp_path: Path) -> None:
    project, wheels = tmp_path / "made", tmp_path / "wheels"
    assert make_template("zoo_of_figures", project).returncode == 0
    commit(project)
    # The library as this working tree has it, which an index may not have yet.
    build = (sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(wheels))
    assert run(*build, cwd=ROOT).returncode == 0
    environment = {
        "PIP_FIND_LINKS": f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
        "PYTHON": str(Path(sys.base_prefix) / "bin" / "python3"),
    }

    linted = run("make", "lint", cwd=project, **environment)
    assert linted.returncode == 0, linted.stdout[-5000:] + linted.stderr[-5000:]
    python = project / ".venv" / "bin" / "python"
    where = "import litestar_saq, zoo_of_figures; print(litestar_saq.__file__, zoo_of_figures.__file__)"
    library, app = run(str(python), "-c", where, cwd=tmp_path).stdout.split()
    assert library.startswith(f"{project}/.venv/lib/")
    assert app.startswith(f"{project}/src/")

    tested = run("make", "test", cwd=project, **environment)
    assert tested.returncode == 0, tested.stdout[-10000:] + tested.stderr[-5000:]
    counted = re.search(r"(\d+) passed", tested.stdout)
    assert counted
    assert int(counted[1]) > 400
    of_stack = run("make", "test-stack", "ARGS=--collect-only tests/stack", cwd=project, **environment)
    assert of_stack.returncode == 0, of_stack.stdout[-5000:]
    shown = run("make", "demo", "ARGS=--once examples/data/penguins.csv", cwd=project, **environment)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "zoo-of-figures-worker-reports" in shown.stdout

    resource = project / "src" / "zoo_of_figures" / "telemetry" / "resource.py"
    resource.write_text(resource.read_text().replace("zoo-of-figures-api", "another-api"))
    one = "ARGS=tests/unit/zoo_of_figures/telemetry/test_resource.py"
    failed = run("make", "test", one, cwd=project, **environment)
    assert failed.returncode != 0
    assert "1 failed" in failed.stdout
