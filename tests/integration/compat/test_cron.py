"""The same cron job in a stock worker and in ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.integration.compat.side import Field, Kind

TICKS = 4


def forget_other_queues(dsn: str) -> None:
    """Remove what earlier tests left: on Postgres a key is unique over all queues, and cron's is the function's."""
    if dsn.startswith("postgres"):
        with psycopg.connect(dsn) as connection:
            found = connection.execute("SELECT to_regclass('saq_jobs') IS NOT NULL").fetchone()
            if found and found[0]:
                connection.execute("DELETE FROM saq_jobs WHERE key LIKE 'cron:%'")


@pytest.mark.parametrize("other", ["saq", "v08"])
def test_a_cron_job_of_both_sides_fires_once(field: Field, other: Kind) -> None:
    forget_other_queues(field.dsn)
    for kind in (other, "ours"):
        field.worker(kind, CRON="1")  # type: ignore[arg-type]
    client = field.client("ours")
    field.until(lambda: len(client.info()["workers"]) == 2, "both workers")
    for _ in range(3):  # of two that enqueue a tick, one that is held up until it is over may have it run again
        before = len(field.records("tick"))
        field.until(lambda before=before: len(field.records("tick")) >= before + TICKS, f"{TICKS} ticks")
        ticks = field.records("tick")[before:]
        assert {tick["key"] for tick in ticks} == {"cron:tick"}
        due = [tick["due"] for tick in ticks]
        if len(due) == len(set(due)):
            break
    assert len(due) == len(set(due)), "a tick ran twice, three times"
