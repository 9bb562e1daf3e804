from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.options import EXAMPLES, Options, read_options

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("name\nAda\n")
    return path


def test_by_default_the_examples_are_sent_and_served() -> None:
    files = tuple(sorted(EXAMPLES.glob("*.csv")))
    assert read_options([]) == Options(files=files, once=False, as_json=False, port=8000)


@pytest.mark.parametrize("arguments", [["--once", "--json", "{}"], ["{}", "--json", "--once"]])
def test_one_file_as_json(csv: Path, arguments: list[str]) -> None:
    options = read_options([argument.format(csv) for argument in arguments])
    assert options == Options(files=(csv,), once=True, as_json=True, port=8000)


def test_a_file_may_be_served_on_a_port(csv: Path) -> None:
    assert read_options([str(csv), "--port", "0"]) == Options(files=(csv,), once=False, as_json=False, port=0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--once"], "--once needs a file"),
        (["--json"], "--json goes with --once"),
        (["--once", "nowhere.csv"], "nowhere.csv is not a file"),
        (["--port", "65536"], "argument --port: '65536' is not a port: a number from 0 to 65535"),
        (["--port", "-1"], "argument --port: '-1' is not a port"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert sentence in output.err
    assert output.out == ""
