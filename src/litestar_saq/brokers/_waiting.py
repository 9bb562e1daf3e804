"""What waits for jobs: by what is published of them, with a slow look as a net."""

from __future__ import annotations

import asyncio
import time
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from saq.job import TERMINAL_STATUSES, UNSUCCESSFUL_TERMINAL_STATUSES, Status
from saq.queue.base import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saq.job import Job as SaqJob
    from saq.types import ListenCallback

    from litestar_saq.brokers._results import Results
    from litestar_saq.brokers.redis import RedisQueue

__all__ = ("listen", "map_jobs")

_NET_S = 2.0
"""How often it is looked at least at jobs that are waited for, in case that nobody told of their end."""
_WORDS = {status.value for status in Status}
_ENDED = {status.value for status in TERMINAL_STATUSES}


async def map_jobs(
    queue: RedisQueue,
    results: Results,
    job_or_func: str | SaqJob,
    each: Sequence[dict[str, Any]],
    poll_s: float,
    *,
    return_exceptions: bool,
) -> list[Any]:
    """Enqueue jobs, each with a key, and wait for their results (`RedisQueue.map`)."""
    keys = [kw["key"] for kw in each]
    async with results.watching(map(queue.job_id, keys)) as told:
        enqueued = await asyncio.gather(*(queue.enqueue(job_or_func, **kw) for kw in each))
        pending = dict.fromkeys(keys)
        found: dict[str, Any] = {}
        # Of one that was there before, the end may have been told before, too.
        look = [key for key, job in zip(keys, enqueued, strict=True) if job is None]
        while pending:
            if look:
                await _collect(queue, look, found, return_exceptions=return_exceptions)
                for key in found:
                    pending.pop(key, None)
            if pending:
                ended = await _ended(told, max(poll_s, _NET_S))
                look = [key for key in map(queue.job_key_from_id, ended) if key in pending] if ended else list(pending)
    return [found[key] for key in keys]


async def _ended(told: asyncio.Queue[tuple[str, str]], within_s: float) -> set[str]:
    """Return the ids of jobs of which an end is told; none where no end is for a while."""
    ids: set[str] = set()
    try:
        async with asyncio.timeout(within_s):
            while not ids or not told.empty():
                job_id, status = await told.get()
                if status in _ENDED:
                    ids.add(job_id)
    except TimeoutError:
        return ids
    return ids


async def _collect(queue: RedisQueue, keys: list[str], found: dict[str, Any], *, return_exceptions: bool) -> None:
    for key, job in zip(keys, await queue.jobs(keys), strict=True):
        if job is None:
            found[key] = None
        elif job.status in UNSUCCESSFUL_TERMINAL_STATUSES:
            error = JobError(job)
            if not return_exceptions:
                raise error
            found[key] = error
        elif job.status in TERMINAL_STATUSES:
            found[key] = job.result


async def listen(
    queue: RedisQueue,
    results: Results,
    keys: list[str],
    callback: ListenCallback,
    longest_s: float | None,
    poll_s: float,
) -> None:
    """Call back for what becomes of jobs (`RedisQueue.listen`)."""
    ended: set[str] = set()
    heard, look = time.monotonic(), True
    async with results.watching(map(queue.job_id, keys)) as told:
        while keys:
            # Who looks and then listens would wait for good for what came in between.
            if look and await _tell_ended(queue, keys, callback, ended):
                return
            left_s = heard + longest_s - time.monotonic() if longest_s else _NET_S
            if left_s <= 0:
                raise TimeoutError(f"nothing was told of {', '.join(keys)} for {longest_s} s")
            try:
                async with asyncio.timeout(min(left_s, max(poll_s, _NET_S))):
                    job_id, word = await told.get()
            except TimeoutError:
                look = True
                continue
            if word not in _WORDS:  # a stranger's
                continue
            heard, look = time.monotonic(), False
            key, status = queue.job_key_from_id(job_id), Status(word)
            if status in TERMINAL_STATUSES and key in ended:
                continue
            (ended.add if status in TERMINAL_STATUSES else ended.discard)(key)
            if await _call(callback, key, status):
                return


async def _tell_ended(queue: RedisQueue, keys: list[str], callback: ListenCallback, ended: set[str]) -> bool:
    for job in await queue.jobs(keys):
        if job is not None and job.status in TERMINAL_STATUSES and job.key not in ended:
            ended.add(job.key)
            if await _call(callback, job.key, job.status):
                return True
    return False


async def _call(callback: ListenCallback, key: str, status: Status) -> bool:
    found = callback(key, status)
    return bool(await found if isawaitable(found) else found)
