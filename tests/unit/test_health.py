"""What `python -m litestar_saq.health` says where there is nothing to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from litestar_saq.health import main


def test_what_can_t_be_read_is_named_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.worker").mkdir()
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/a.worker can't be read: Is a directory\n"
