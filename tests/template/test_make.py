"""What `make template` refuses, and what it writes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.template.conftest import ROOT, Run, commit

OWN = ROOT / "template" / "project" / "pyproject.toml"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("My-Service", "has to be a Python package's name in lower case, as in my_service"),
        ("1st", "has to be a Python package's name"),
        ("class", "is a word of Python itself"),
        ("match", "is a word of Python itself"),
        ("litestar_saq", "is a package that the project itself needs"),
        ("json", "is a package that the project itself needs"),
        ("docker", "is a package that the project itself needs"),
        ("a" * 31, "has 31 characters, and at most 30 are possible"),
        ("", "Say where, and what it is called"),
    ],
)
def test_a_wrong_name_is_one_line_and_nothing_is_made(make_template: Run, tmp_path: Path, name: str, why: str) -> None:
    ended = make_template(name, tmp_path / "made")

    said, by_make = ended.stderr.splitlines()
    assert why in said
    assert by_make.startswith("make: ***")
    assert ended.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["template"]


def test_a_wrong_place_is_one_line_and_stays_as_it_is(make_template: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    for dest, why in {
        "full": "is there already, and not empty",
        "full/note": "is a file",
        "absent/made": f"there is no folder {tmp_path}/absent",
    }.items():
        ended = make_template("my_service", tmp_path / dest)

        assert why in ended.stderr.splitlines()[0]
        assert len(ended.stderr.splitlines()) == 2
        assert ended.returncode != 0
    assert (tmp_path / "full" / "note").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "template"]


def test_an_edit_that_no_longer_fits_makes_nothing(make_template: Run, template: Path, tmp_path: Path) -> None:
    image = template / "docker" / "Dockerfile"
    image.write_text(image.read_text().replace("COPY src/litestar_saq src/litestar_saq", "COPY src src"))
    commit(template, "v0.9.1")

    ended = make_template("my_service", tmp_path / "made")

    assert "template/edits.toml: docker/Dockerfile has 0 times: COPY src/litestar_saq" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "made").exists()


def test_a_template_that_is_not_there_is_said(make_template: Run, tmp_path: Path) -> None:
    ended = make_template("my_service", tmp_path / "made", f"FROM={tmp_path}/nowhere.git")

    assert "nowhere.git" in ended.stderr.splitlines()[0]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "made").exists()


def test_the_project_has_its_own_names_and_no_others(make_template: Run, template: Path, tmp_path: Path) -> None:
    chart = template / "helm" / "templates" / "deployment.yaml"
    chart.parent.mkdir(parents=True, exist_ok=True)
    chart.write_text('{{- define "litestar-saq.name" }}{% raw %}{{ .Values.image }} reference-worker-{{ .queue }}')
    commit(template, "v0.9.1")
    made = tmp_path / "made"
    made.mkdir()  # an empty folder will do

    ended = make_template("ab_0", made)

    assert ended.returncode == 0, ended.stderr
    assert made.stat().st_mode & 0o777 == (tmp_path / "template").stat().st_mode & 0o777
    texts = {path.relative_to(made).as_posix(): path.read_text() for path in made.rglob("*") if path.is_file()}
    assert not [
        path for path in texts if "reference" in path and path != "tests/integration/observability/reference.py"
    ]
    of_template = re.compile(r"reference[ _-]?(app|api|worker|load|image|deployment)|litestar-saq-", re.IGNORECASE)
    assert not [(path, found[0]) for path, text in texts.items() if (found := of_template.search(text))]
    with_library = {path for path, text in texts.items() if "litestar-saq" in text}
    assert with_library == {"Makefile", "README.md", "pyproject.toml", "requirements/library.txt"}
    assert texts["helm/templates/deployment.yaml"] == (
        '{{- define "ab-0.name" }}{% raw %}{{ .Values.image }} ab-0-worker-{{ .queue }}'
    )
    assert "name: ab-0\n" in texts["compose.yaml"]
    assert "image: ${AB_0_IMAGE:-ab-0}" in texts["compose.yaml"]
    assert "ab-0-worker-" in texts["src/ab_0/telemetry/resource.py"]
    assert 'title="Ab 0"' in texts["src/ab_0/server.py"]
    assert "LITESTAR_APP=ab_0.server:create_app" in texts["docker/Dockerfile"]
    assert texts["LICENSE"] == (ROOT / "LICENSE").read_text()
    assert (made / "requirements" / "install.sh").stat().st_mode & 0o100
    # Who is paid for a package may have an address, an index may not.
    locks = {path: text.replace("https://github.com/sponsors/", "") for path, text in texts.items()}
    assert not [path for path, text in locks.items() if path.startswith("requirements") and "://" in text]


def test_the_project_needs_what_the_app_needs() -> None:
    library, own = tomllib.loads((ROOT / "pyproject.toml").read_text()), tomllib.loads(OWN.read_text())
    groups, own_groups = library["dependency-groups"], own["dependency-groups"]

    def others(requirements: list[str]) -> set[str]:
        return {one for one in requirements if not one.startswith("litestar-saq")}

    assert others(own["project"]["dependencies"]) == set(groups["app"])
    assert others(own_groups["demo"]) == set(groups["demo"])
    assert set(own_groups["dev"]) <= set(groups["dev"])
    for one in (*own["project"]["dependencies"], *own_groups["demo"]):
        if one.startswith("litestar-saq"):
            assert SpecifierSet(str(Requirement(one).specifier)).contains(library["project"]["version"])


def test_the_project_is_checked_as_the_app_is() -> None:
    tools, own = (tomllib.loads(path.read_text())["tool"] for path in (ROOT / "pyproject.toml", OWN))

    lint, own_lint = tools["ruff"]["lint"], own["ruff"]["lint"]
    # A long name fills lines that nothing breaks.
    assert set(own_lint["ignore"]) == {*lint["ignore"], "E501"}
    assert own_lint["per-file-ignores"].items() <= lint["per-file-ignores"].items()
    assert {**own["ruff"], "lint": None} == {**tools["ruff"], "lint": None}
    for name in ("asyncio_mode", "addopts", "pythonpath", "timeout", "filterwarnings"):
        assert own["pytest"]["ini_options"][name] == tools["pytest"]["ini_options"][name]
