from __future__ import annotations

import pickle

import pytest
from litestar.exceptions import ImproperlyConfiguredException

from litestar_saq import exceptions
from litestar_saq.exceptions import (
    FieldError,
    ImproperConfigurationError,
    JobCancelledError,
    LitestarSaqError,
    MissingDependencyError,
    UnknownFunctionError,
    UnknownQueueError,
)

EVERY_ERROR = [getattr(exceptions, name) for name in exceptions.__all__]


@pytest.mark.parametrize("error", EVERY_ERROR)
def test_every_error_has_the_root_and_a_name_that_says_so(error: type[Exception]) -> None:
    assert issubclass(error, LitestarSaqError)
    assert error.__name__.endswith("Error")


@pytest.mark.parametrize("error", [LitestarSaqError, ImproperConfigurationError, JobCancelledError])
def test_the_docstring_is_the_default_message(error: type[Exception]) -> None:
    assert str(error()) == error.__doc__
    assert str(error("what happened")) == "what happened"


def test_a_wrong_configuration_is_litestars_error_too() -> None:
    error = ImproperConfigurationError("what is wrong")
    assert isinstance(error, ImproperlyConfiguredException)
    assert error.detail == "what is wrong"


def test_a_field_error_names_field_value_and_what_is_accepted() -> None:
    error = FieldError("QueueConfig", "concurrency", 0, "a whole number of at least 1")
    assert str(error) == "QueueConfig.concurrency = 0 is not accepted: a whole number of at least 1"
    assert (error.owner, error.field) == ("QueueConfig", "concurrency")


def test_a_missing_dependency_is_an_import_error_and_names_the_extra() -> None:
    error = MissingDependencyError("psycopg_pool", extra="postgres")
    assert isinstance(error, ImportError)
    assert isinstance(error, ImproperConfigurationError)
    assert "'psycopg_pool'" in str(error)
    assert "pip install 'litestar-saq[postgres]'" in str(error)
    assert (error.package, error.needed_extra) == ("psycopg_pool", "postgres")


def test_an_unknown_queue_lists_the_known_in_order() -> None:
    error = UnknownQueueError("x", ["b", "a"])
    assert str(error) == "no queue is named 'x'; configured queues: a, b"
    assert (error.name, error.known) == ("x", ("a", "b"))


def test_an_unknown_function_lists_the_known_in_order() -> None:
    error = UnknownFunctionError("x", "samples", {"b": 1, "a": 2})
    assert str(error) == "the worker of queue 'samples' has no function 'x'; it has: a, b"
    assert (error.function, error.known) == ("x", ("a", "b"))
    assert str(UnknownFunctionError("x", "samples", [])).endswith("it has: none")


@pytest.mark.parametrize(
    "error",
    [
        LitestarSaqError("text"),
        ImproperConfigurationError("text"),
        FieldError("QueueConfig", "concurrency", 0, "a whole number"),
        MissingDependencyError("psycopg_pool", extra="postgres"),
        UnknownQueueError("x", ["a"]),
        UnknownFunctionError("x", "samples", ["a"]),
        JobCancelledError("text"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_sent_to_another_process(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
