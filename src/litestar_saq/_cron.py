"""Which jobs cron makes, and under which key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from croniter import croniter

from litestar_saq.jobs import function_name
from litestar_saq.telemetry._state import in_cron

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import tzinfo

    from saq.job import CronJob
    from saq.queue.base import Queue

__all__ = ("cron_key", "enqueue_cron_jobs")

_OPTIONS = ("timeout", "heartbeat", "retries", "ttl", "kwargs")


def cron_key(cron: CronJob[Any], others: Collection[CronJob[Any]]) -> str:
    """Return the key of a unique cron job.

    It is SAQ's own, `cron:<function>`, where the function has one cron job. Where it has several, the expression
    makes them differ, and the position where the expression is the same as well.
    """
    name = function_name(cron.function)
    siblings = [other for other in others if other.unique and function_name(other.function) == name]
    if len(siblings) == 1:
        return f"cron:{name}"
    twins = [other for other in siblings if other.cron == cron.cron]
    place = next(i for i, other in enumerate(twins) if other is cron)
    return f"cron:{name}:{cron.cron}" + (f":{place}" if place else "")


async def enqueue_cron_jobs(queue: Queue, cron_jobs: Collection[CronJob[Any]], cron_tz: tzinfo) -> None:
    """Enqueue the next run of each; those that wait already are left alone by their key."""
    for cron in cron_jobs:
        token = in_cron.set(cron.cron)
        try:
            await _enqueue(queue, cron, cron_jobs, cron_tz)
        finally:
            in_cron.reset(token)


async def _enqueue(queue: Queue, cron: CronJob[Any], others: Collection[CronJob[Any]], cron_tz: tzinfo) -> None:
    options: dict[str, Any] = {name: getattr(cron, name) for name in _OPTIONS if getattr(cron, name) is not None}
    if meta := getattr(cron, "meta", None):
        options["meta"] = dict(meta)
    if cron.unique:
        options["key"] = cron_key(cron, others)
    due = croniter(cron.cron, datetime.now(cron_tz)).get_next(float)
    await queue.enqueue(function_name(cron.function), scheduled=int(due), **options)
