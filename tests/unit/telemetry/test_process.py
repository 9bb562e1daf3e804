"""What telemetry does at a process' start and end, and for whoever has no OpenTelemetry."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from litestar_saq.telemetry import find_telemetry
from litestar_saq.telemetry.flush import flush
from litestar_saq.telemetry.semconv import describe_error, error_type
from litestar_saq.telemetry.setup import call_setup

WITHOUT = Path(__file__).with_name("without_opentelemetry.py")
called: list[Any] = []


def set_up_by_path(queues: Sequence[str]) -> None:
    called.append(queues)


@pytest.fixture(autouse=True)
def none_called() -> None:
    called.clear()


@pytest.mark.parametrize(
    ("setup", "given"),
    [
        (lambda: called.append("nothing"), "nothing"),
        (called.append, ("a", "b")),
        (lambda queues=(): called.append(queues), ("a", "b")),
        (f"{__name__}:set_up_by_path", ("a", "b")),
    ],
)
def test_a_setup_gets_the_queues_where_it_takes_them(setup: Any, given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[set_up_by_path.__module__])
    call_setup(setup, ["a", "b"])
    assert called == [given]


@pytest.mark.parametrize("setup", ["no.such.module:function", f"{__name__}:missing", lambda: 1 / 0])
def test_a_setup_that_fails_is_logged(setup: Callable[[], Any] | str, caplog: pytest.LogCaptureFixture) -> None:
    call_setup(setup, [])
    assert "otel_setup failed" in caplog.text


class Provider:
    def __init__(self, export: Callable[[], None]) -> None:
        self._export = export

    def force_flush(self, _timeout_millis: int) -> bool:
        self._export()
        return True


def test_a_flush_waits_for_all_and_no_longer_than_its_timeout(caplog: pytest.LogCaptureFixture) -> None:
    let_go, done = threading.Event(), threading.Event()
    began = time.monotonic()
    try:
        assert not flush([Provider(done.set), Provider(lambda: let_go.wait(60) and None)], 0.2)
        assert time.monotonic() - began < 30
        assert done.wait(30)
        assert "not exported within 0.2 s" in caplog.text
    finally:
        let_go.set()


def test_a_provider_that_fails_does_not_keep_the_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("on purpose")

    done = threading.Event()
    with caplog.at_level(logging.WARNING):
        assert flush([Provider(fail), Provider(done.set), object()], 30)
    assert done.is_set()
    assert "RuntimeError" in caplog.text


def test_the_names_of_errors() -> None:
    class OwnError(Exception):
        def __str__(self) -> str:
            raise LookupError

    assert error_type(TimeoutError()) == "TimeoutError"
    assert error_type(subprocess.TimeoutExpired("x", 1)) == "subprocess.TimeoutExpired"
    assert error_type(OwnError()).endswith("test_the_names_of_errors.<locals>.OwnError")
    assert describe_error(OwnError()) == "(OwnError, whose text raises LookupError)"


@pytest.mark.parametrize(
    ("enable", "plugin", "on"),
    [(None, None, False), (None, object(), True), (True, None, True), (False, object(), False)],
)
def test_when_it_is_on(enable: bool | None, plugin: Any, on: bool) -> None:
    assert (find_telemetry(enable, "name", None, plugin) is not None) is on


def test_without_opentelemetry_jobs_run_and_true_names_the_extra() -> None:
    done = subprocess.run([sys.executable, WITHOUT], capture_output=True, text=True, check=False, timeout=100)
    assert (done.stdout.split(), done.returncode) == (["Hello,", "Ada!", "refused", "refused"], 0), done.stderr
