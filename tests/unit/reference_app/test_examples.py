from __future__ import annotations

import csv
from pathlib import Path
from statistics import fmean

import pytest

from reference_app.reading import check_file, read_chunks
from reference_app.statistics import Figures, analyse

DATA = Path(__file__).parents[3] / "examples" / "data"
FILES = sorted(DATA.glob("*.csv"))


def report(path: Path) -> dict[str, Figures]:
    data = path.read_bytes()
    layout = check_file(data, max_columns=100)
    chunks = list(read_chunks(data, layout))
    return {name: analyse(name, [chunk[index] for chunk in chunks])[0] for index, name in enumerate(layout.names)}


def test_there_are_examples() -> None:
    assert [path.name for path in FILES] == ["penguins-raw.csv", "penguins.csv"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_examples_are_described_with_source_and_licence(path: Path) -> None:
    readme = (DATA / "README.md").read_text()

    assert f"`{path.name}`" in readme
    assert "CC0" in readme


def test_the_penguins() -> None:
    found = report(DATA / "penguins.csv")

    with (DATA / "penguins.csv").open(newline="", encoding="utf-8") as file:
        masses = [int(row["body_mass_g"]) for row in csv.DictReader(file) if row["body_mass_g"]]
    mass = found["body_mass_g"]
    assert (mass.type, mass.count, mass.nulls) == ("integer", 342, 2)
    assert (mass.min, mass.max, mass.mean) == (2700, 6300, fmean(masses))
    assert found["species"].top[0] == {"value": "Adelie", "count": 152}
    assert {name: figures.type for name, figures in found.items()} == {
        "species": "string",
        "island": "string",
        "bill_length_mm": "number",
        "bill_depth_mm": "number",
        "flipper_length_mm": "integer",
        "body_mass_g": "integer",
        "sex": "string",
        "year": "integer",
    }


def test_the_penguins_as_they_were_noted() -> None:
    found = report(DATA / "penguins-raw.csv")

    assert found["Date Egg"].type == "date"
    assert (found["Date Egg"].min, found["Date Egg"].max) == ("2007-11-09", "2009-12-01")
    assert found["Stage"].min == "Adult, 1 Egg Stage"
