from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reference_app.settings import Settings, load_settings

ROOT = Path(__file__).parents[3]
SECRET = "hunter2-in-a-url"


def test_every_setting_is_in_the_example_with_its_default(environment: None) -> None:
    lines = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    defaults = {name: field.get_default() for name, field in Settings.model_fields.items()}
    defaults["redis_url"] = defaults["redis_url"].get_secret_value()

    assert {name.lower(): value for name, value in lines} == {
        name: "" if value is None else str(value) for name, value in defaults.items()
    }


def test_the_example_is_a_file_of_settings(environment: None) -> None:
    defaults = load_settings()
    Path(".env").write_bytes((ROOT / ".env.example").read_bytes())

    assert load_settings() == defaults


def test_a_file_of_settings_is_read_and_the_environment_wins(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("MAX_COLUMNS=7\nREPORT_TTL_S=77\n")
    monkeypatch.setenv("MAX_COLUMNS", "8")
    # What is not set is set by the file, for as long as this test runs.
    monkeypatch.setenv("REPORT_TTL_S", "")
    monkeypatch.delenv("REPORT_TTL_S")

    settings = load_settings()

    assert (settings.max_columns, settings.report_ttl_s) == (8, 77)


def test_the_broker_is_not_shown(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@localhost")

    assert SECRET not in repr(load_settings())


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://redis:6379/0", "redis://:p%40ss%2Fword%20%3A@redis:6379/0"),
        ("rediss://app@redis", "rediss://app:p%40ss%2Fword%20%3A@redis"),
    ],
)
def test_the_password_comes_from_a_file(
    environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, whole: str
) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/word :\n")
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(file))
    settings = load_settings()
    assert settings.broker_url.get_secret_value() == whole
    assert "p@ss" not in repr(settings)


@pytest.mark.parametrize("url", [f"redis://:{SECRET}@redis", "embedded://", "unix:///run/redis.sock"])
def test_a_password_in_a_file_and_a_url_that_takes_none_are_refused(
    environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    (tmp_path / "password").write_text("secret")
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(
        SystemExit, match=r"REDIS_PASSWORD_FILE .* set only with a REDIS_URL that begins with"
    ) as refused:
        load_settings()
    assert SECRET not in str(refused.value)


WRONG = [
    ("MAX_UPLOAD_BYTES", "twenty", "MAX_UPLOAD_BYTES is 'twenty', but should be a valid integer"),
    ("MAX_UPLOAD_BYTES", "0", "MAX_UPLOAD_BYTES is '0', but should be greater than or equal to 1"),
    ("MAX_COLUMNS", "1.5", "MAX_COLUMNS is '1.5', but should be a valid integer"),
    ("REPORT_TTL_S", "-1", "REPORT_TTL_S is '-1', but should be greater than or equal to 60"),
    ("TRACE_URL", "http://jaeger/trace", "TRACE_URL is 'http://jaeger/trace', but should be .*{trace_id}"),
    ("TRACE_URL", "javascript:alert(1)//{trace_id}", "but should be an http:// or https:// URL"),
    ("LOG_LEVEL", "LOUD", "LOG_LEVEL is 'LOUD', but should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("SHUTDOWN_GRACE_S", "a while", "SHUTDOWN_GRACE_S is 'a while'"),
    ("READY_TIMEOUT_S", "0", "READY_TIMEOUT_S is '0', but should be greater than 0"),
    ("ANALYSIS_CONCURRENCY", "0", "ANALYSIS_CONCURRENCY is '0'"),
    ("MAINTENANCE_CONCURRENCY", "many", "MAINTENANCE_CONCURRENCY is 'many'"),
    ("REDIS_URL", f"mysql://root:{SECRET}@db", "REDIS_URL .* should be a URL that begins with redis://"),
    ("REDIS_URL", f"redis://:{SECRET}@host:port", "REDIS_URL is not usable"),
    ("REDIS_URL", f"embedded://u:{SECRET}@x", "REDIS_URL is not usable"),
    ("REDIS_PASSWORD_FILE", "/nowhere", r"REDIS_PASSWORD_FILE is '/nowhere', but should be a file that can be read"),
    ("REDIS_PASSWORD_FILE", "/dev/null", "REDIS_PASSWORD_FILE .* should be a file that holds the password in one line"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_a_wrong_setting_stops_the_start_with_one_line(
    name: str, value: str, sentence: str, environment: None, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "litestar", "--app", "reference_app.server:create_app", "run"],
        env={**os.environ, name: value, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.search(sentence, ended.stderr)
    assert ended.stderr.count("\n") == 1
    assert SECRET not in ended.stderr


def test_each_wrong_setting_is_named(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_COLUMNS", "x")
    monkeypatch.setenv("LOG_LEVEL", "y")

    with pytest.raises(SystemExit, match=r"MAX_COLUMNS is 'x'.*; LOG_LEVEL is 'y'"):
        load_settings()


def test_a_file_that_is_no_text_is_named(environment: None) -> None:
    Path(".env").write_bytes(b"\xff\xfe\x00MAX")

    with pytest.raises(SystemExit, match=r"\.env is not UTF-8 text"):
        load_settings()
