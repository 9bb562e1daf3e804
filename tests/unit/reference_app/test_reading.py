from __future__ import annotations

import codecs
import csv
import io

import pytest

from reference_app.reading import BadFileError, Layout, check_file, read_chunks


def read(data: bytes, *, cells: int = 200_000) -> tuple[Layout, list[list[str | None]]]:
    layout = check_file(data, max_columns=100)
    columns: list[list[str | None]] = [[] for _ in layout.names]
    for chunk in read_chunks(data, layout, cells=cells):
        for column, more in zip(columns, chunk, strict=True):
            column.extend(more)
    return layout, columns


GOOD = {
    "plain": (b"a,b\n1,2\n", ["a", "b"], [["1"], ["2"]]),
    "no line end at the end": (b"a,b\n1,2", ["a", "b"], [["1"], ["2"]]),
    "crlf": (b"a,b\r\n1,2\r\n3,4\r\n", ["a", "b"], [["1", "3"], ["2", "4"]]),
    "cr": (b"a,b\r1,2\r3,4", ["a", "b"], [["1", "3"], ["2", "4"]]),
    "bom": (codecs.BOM_UTF8 + b"a,b\n1,2\n", ["a", "b"], [["1"], ["2"]]),
    "bom and quotes": (codecs.BOM_UTF8 + b'"a","b"\n1,2\n', ["a", "b"], [["1"], ["2"]]),
    "utf-16": ("é,b\n☃,2\n".encode("utf-16"), ["é", "b"], [["☃"], ["2"]]),
    "utf-16-be": (codecs.BOM_UTF16_BE + "é,b\n1,😀\n".encode("utf-16-be"), ["é", "b"], [["1"], ["😀"]]),
    "any language": ("имя,年齢,שם\nЖ,三,א\n".encode(), ["имя", "年齢", "שם"], [["Ж"], ["三"], ["א"]]),
    "quoted comma": (b'a,b\n"1,5",2\n', ["a", "b"], [["1,5"], ["2"]]),
    "quoted line ends": (b'a,b\n"x\ny","p\r\nq"\n', ["a", "b"], [["x\ny"], ["p\r\nq"]]),
    "doubled quotes": (b'a,b\n"say ""hi""",2\n', ["a", "b"], [['say "hi"'], ["2"]]),
    "quote inside": (b'a,b\n5" pipe,2\n', ["a", "b"], [['5" pipe'], ["2"]]),
    "blank cells": ('a,b\n,2\n  ,\u00a0\n"",\'\n'.encode(), ["a", "b"], [[None, None, None], ["2", None, "'"]]),
    "blank lines": (b"\n\na,b\n\n1,2\n  \n\n3,4\n\n", ["a", "b"], [["1", "3"], ["2", "4"]]),
    "semicolons": (b"a;b\n1,5;2,5\n", ["a", "b"], [["1,5"], ["2,5"]]),
    "semicolons, a comma in the header": (b"a;b, c\n1;2\n3;4\n", ["a", "b, c"], [["1", "3"], ["2", "4"]]),
    "tabs": (b"a\tb\n1,5\t2;5\n", ["a", "b"], [["1,5"], ["2;5"]]),
    "pipes": (b"a|b\n1|2\n", ["a", "b"], [["1"], ["2"]]),
    "comma before semicolon": (b"a,b;c\n1,2;3\n", ["a", "b;c"], [["1"], ["2;3"]]),
    "one column": (b'a\n1\n\n \n""\n2\n', ["a"], [["1", None, None, "2"]]),
    "header alone": (b"a,b\n", ["a", "b"], [[], []]),
    "space around": (b"a, b\n1 , 2\n", ["a", " b"], [["1 "], [" 2"]]),
    "labels of rows": (b",b\nr1,2\n", ["", "b"], [["r1"], ["2"]]),
    "years as names": (b"country,2019,2020\nFR,1,2\n", ["country", "2019", "2020"], [["FR"], ["1"], ["2"]]),
    "a long cell": (b"a,b\n1," + b"x" * 300_000, ["a", "b"], [["1"], ["x" * 300_000]]),
}


@pytest.mark.parametrize(("data", "names", "columns"), GOOD.values(), ids=GOOD)
def test_reads_as_written(data: bytes, names: list[str], columns: list[list[str | None]]) -> None:
    layout, found = read(data)

    assert layout.names == names
    assert found == columns
    assert layout.rows == len(columns[0])


BAD = {
    "nothing": (b"", "The file is empty"),
    "white space": (b" \r\n\n\t\n", "The file is empty"),
    "bom alone": (codecs.BOM_UTF8, "The file is empty"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0", "not text .* row 1 has the byte 0x89"),
    "latin-1": ("name,b\nx,1\ncafé,2\n".encode("latin-1"), "not text .* row 3 has the byte 0xe9"),
    "latin-1 after a quoted line end": (b'a,b\n"x\ny",1\n\xe9,2\n', "row 3 has the byte 0xe9"),
    "nul": (b"a,b\n1,2\n3,\0\n", "not text: row 3 has a NUL"),
    "utf-16 without mark": ("a,b\n1,2\n".encode("utf-16-le"), "NUL .* UTF-16 needs a byte order mark"),
    "broken utf-16": (codecs.BOM_UTF16_LE + b"a\0,\0b", "not text"),
    "a cell less": (b"a,b\n1,2\n3\n", r"^Row 3 has 1 cell where the header has 2 \(the file's first row is row 1"),
    "a cell more": (b"a;b\n1;2\n3;4\n5;6;7\n", "^Row 4 has 3 cells where the header has 2 .* the semicolon"),
    "ragged after a quoted line end": (b'a,b\n"1\n2",3\n4,5,6\n', "^Row 3 has 3 cells"),
    "ragged after a blank line": (b"a,b\n\n1,2\n3\n", "^Row 4 has 1 cell"),
    "ragged far down": (b"a,b\n" + b"1,2\n" * 5000 + b"3\n", "^Row 5002 has 1 cell"),
    "blank header": (b",,\n1,2,3\n", "no header: row 1"),
    "data for a header": (b"1,2.5,2024-01-01\n3,4,2024-01-02\n", "no header: every cell of row 1 .*'1'"),
    "a name missing": (b"a,,c\n1,2,3\n", "no name for column 2"),
    "a name twice": (b"a,b,a\n1,2,3\n", "'a' twice: for column 1 and column 3"),
    "a long name twice": (b"a" * 500 + b"," + b"a" * 500, "has the name '" + "a" * 60 + "…' twice"),
    "too many columns": (",".join(f"c{i}" for i in range(101)).encode(), "has 101 columns, but at most 100"),
    "an open quote": (b'a,b\n1,2\n3,"x\n4,5\n', "^Row 3 opens a quote that is never closed"),
    "text after a quote": (b'a,b\n1,2\n"x"y,4\n', "^Row 3 has text between a closing quote"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_says_what_is_wrong_and_where(data: bytes, sentence: str) -> None:
    with pytest.raises(BadFileError, match=sentence) as caught:
        check_file(data, max_columns=100)

    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cells", [1, 2, 7, 1000])
def test_reads_the_same_in_any_chunks(cells: int) -> None:
    rows = [[str(row), f'"{row}",\n', ""] for row in range(50)]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["a", "b", "c"], *rows])

    _, columns = read(file.getvalue().encode(), cells=cells)

    assert columns == [[row[0] for row in rows], [row[1] for row in rows], [None] * 50]
