"""What of a Redis is dangerous to jobs, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ("advice_on",)

_LEAST = (6, 2)


async def advice_on(redis: Redis) -> list[str]:
    """Return a sentence for each thing; what the user may not ask is passed by."""
    client = cast("Any", redis)
    try:
        info: dict[str, Any] = await client.info()
    except ResponseError:
        return []
    found = []
    version = str(info.get("redis_version", ""))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _LEAST:
        found.append(f"Redis {version} is too old: 6.2 at least is needed, or a Valkey")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(f"its maxmemory-policy is {policy!r}: it deletes jobs where its memory is full; set noeviction")
    if not info.get("aof_enabled") and await _saves(client) == "":
        found.append("it keeps nothing on disk, so that its restart loses all jobs: set appendonly yes")
    return found


async def _saves(client: Any) -> str | None:
    """Return when it writes snapshots; None where that can't be told."""
    try:
        settings: dict[Any, Any] = await client.config_get("save")
    except ResponseError:
        return None
    value = next(iter(settings.values()), None)
    return value.decode() if isinstance(value, bytes) else value
