"""What the template becomes is merged into a project that its owner has changed."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.template.conftest import Run, commit, git, run


def change(path: Path, old: str, new: str) -> None:
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


def update(project: Path, *arguments: str) -> None:
    copier = Path(sys.executable).with_name("copier")
    ended = run(str(copier), "update", "--trust", "--defaults", *arguments, cwd=project)
    assert ended.returncode == 0, ended.stderr


def test_an_update_merges_the_template_s_changes_with_the_owner_s(
    make_template: Run, template: Path, tmp_path: Path
) -> None:
    project = tmp_path / "made"
    assert make_template("my_service", project).returncode == 0
    answers = (project / ".copier-answers.yml").read_text()
    assert f"_commit: v0.9.0\n_src_path: {template}\nname: my_service\n" in answers
    commit(project)
    server = project / "src" / "my_service" / "server.py"
    change(server, 'title="My Service"', 'title="Figures"')
    change(project / "Makefile", "JOBS ?= 4", "JOBS ?= 8")
    (project / "src" / "my_service" / "own.py").write_text('"""The owner\'s."""\n')
    (project / "src" / "my_service" / "histogram.py").unlink()
    commit(project)

    # Of what the repository has, of what the template alone has, a new file, and one that is gone.
    app = template / "src" / "reference_app"
    change(app / "__init__.py", '"""The reference deployment\'s app."""', '"""The reference app, version B."""')
    change(app / "server.py", "import sys\n", "import sys  # as reference-api does\n")
    change(template / "template" / "project" / "Makefile", "JOBS=4 processes", "JOBS=4 processes at once")
    (app / "later.py").write_text("from reference_app import queues\n")
    (template / "tests" / "stack" / "test_report.py").unlink()
    commit(template, "v0.9.1")
    update(project)

    package = project / "src" / "my_service"
    assert (package / "__init__.py").read_text().startswith('"""My Service, version B."""')
    assert "import sys  # as my-service-api does\n" in server.read_text()
    assert 'title="Figures"' in server.read_text()
    assert "JOBS=4 processes at once" in (project / "Makefile").read_text()
    assert "JOBS ?= 8" in (project / "Makefile").read_text()
    assert (package / "later.py").read_text() == "from my_service import queues\n"
    assert (package / "own.py").exists()
    assert not (package / "histogram.py").exists()
    assert not (project / "tests" / "stack" / "test_report.py").exists()
    assert "_commit: v0.9.1\n" in (project / ".copier-answers.yml").read_text()
    assert len(git(project, "status", "--porcelain").splitlines()) == 6  # those five, and the answers


def test_where_both_changed_the_same_the_owner_is_asked(make_template: Run, template: Path, tmp_path: Path) -> None:
    project = tmp_path / "made"
    assert make_template("my_service", project).returncode == 0
    commit(project)
    change(project / "src" / "my_service" / "server.py", 'title="My Service"', 'title="Figures"')
    commit(project)
    change(template / "src" / "reference_app" / "server.py", 'title="CSV reports"', 'title="Reports of CSV files"')
    commit(template, "v0.9.1")

    update(project)

    text = (project / "src" / "my_service" / "server.py").read_text()
    assert 'title="Figures"' in text
    assert 'title="Reports of CSV files"' in text
    assert "<<<<<<< before updating" in text
