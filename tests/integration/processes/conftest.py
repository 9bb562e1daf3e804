"""The broker of the tests with processes, and their runs."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.integration.processes.run import Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

PASSWORD = f"pw-{secrets.token_hex(8)}"


@pytest.fixture(scope="session")
def broker_url(redis_url: str) -> Iterator[str]:
    """The broker's URL, with a user and a password that must not turn up anywhere."""
    user = f"worker-{secrets.token_hex(4)}"
    parts = urlsplit(redis_url)
    with Redis.from_url(redis_url) as client:
        try:
            client.execute_command("ACL", "SETUSER", user, "on", f">{PASSWORD}", "~*", "&*", "+@all")
        except ResponseError:  # a server that is not ours may keep its users to itself
            yield redis_url
            return
        host = parts.netloc.rpartition("@")[2]
        yield urlunsplit(parts._replace(netloc=f"{user}:{PASSWORD}@{host}"))
        client.execute_command("ACL", "DELUSER", user)


@pytest.fixture
async def make_run(tmp_path: Path, broker_url: str, redis_url: str) -> AsyncIterator[Callable[[], Run]]:
    """Make runs; at the end nothing of them is left, and none of them has shown a secret."""
    runs: list[Run] = []

    def make() -> Run:
        runs.append(Run(tmp_path / str(len(runs)), broker_url))
        return runs[-1]

    yield make
    for run in runs:
        await run.close()
    with Redis.from_url(redis_url) as client:
        for run in runs:
            for key in client.scan_iter(f"*{run.name}*", count=1000):
                client.delete(key)
    for run in runs:
        run.check_secrets(PASSWORD)


@pytest.fixture
def run(make_run: Callable[[], Run]) -> Run:
    return make_run()
