from __future__ import annotations

import pytest

from litestar_saq.brokers.dsn import SCHEMES, host_and_port, mask_dsn, scheme_of


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user@host/1", "redis://user@host/1"),
        ("redis://user:secret@host/1", "redis://user:***@host/1"),
        ("redis://:secret@host", "redis://:***@host"),
        ("redis://user:se:cr@et/@host:1", "redis://user:***@host:1"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://:secret@[::1]", "redis://:***@[::1]"),
        ("redis://host?db=1", "redis://host?db=1"),
        ("redis://host?db=1&password=secret", "redis://host?db=1&password=***"),
        ("redis://host?ssl_cert_reqs=none", "redis://host?ssl_cert_reqs=***"),
        ("redis://host?secret", "redis://host?***"),
        ("redis://host/0#secret", "redis://host/0#***"),
        ("redis://:secret", "redis://:***"),
        ("redis://user:secret", "redis://user:***"),
        ("redis://user:secret/0", "redis://user:***/0"),
        ("redis://user:secret:6379", "redis://user:***"),
        ("redis://:1234567", "redis://:***"),
        ("redis://[user:secret", "redis://[user:***"),
        (
            "postgresql://user:secret@one:1,two:2/db?sslmode=require",
            "postgresql://user:***@one:1,two:2/db?sslmode=require",
        ),
        ("postgresql://one:1,user:secret/db", "postgresql://one:1,user:***/db"),
        ("postgresql:///db?host=/run/postgres&user=me", "postgresql:///db?host=/run/postgres&user=***"),
        ("unix:///run/redis.sock?db=2", "unix:///run/redis.sock?db=2"),
        ("embedded:///srv/a:b", "embedded:///srv/a:b"),
        ("host=localhost password=secret", "***"),
        ("redis:/secret", "***"),
        ("", "***"),
    ],
)
def test_what_is_shown_of_a_dsn(dsn: str, shown: str) -> None:
    assert mask_dsn(dsn) == shown


@pytest.mark.parametrize(
    ("dsn", "scheme"), [("redis://h", "redis"), ("REDISS://h", "rediss"), ("redis:h", ""), ("", ""), ("h", "")]
)
def test_the_scheme_of_a_dsn(dsn: str, scheme: str) -> None:
    assert scheme_of(dsn) == scheme


def test_the_schemes_are_those_that_are_documented() -> None:
    assert {"redis", "rediss", "unix", "postgresql", "http", "embedded"} <= set(SCHEMES)


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("http://host/path", ("host", 80)),
        ("http://user:secret@host:8080", ("host", 8080)),
        ("http://[::1]:1/", ("::1", 1)),
        ("http:///path", None),
        ("http://", None),
    ],
)
def test_host_and_port(dsn: str, place: tuple[str, int] | None) -> None:
    assert host_and_port(dsn, 80) == place


@pytest.mark.parametrize("dsn", ["http://host:secret", "http://host:99999", "http://[host"])
def test_a_port_that_is_none_is_an_error_that_says_nothing(dsn: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - that it has no text is what is tested
        host_and_port(dsn, 80)
    assert str(caught.value) == ""
    assert caught.value.__suppress_context__
