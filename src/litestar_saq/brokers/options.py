"""Options of a queue, as SAQ's queue classes take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar_saq._checks import Fields
    from litestar_saq.brokers.kinds import BrokerKind

__all__ = ("PostgresQueueOptions", "RedisQueueOptions", "check_options")


class RedisQueueOptions(TypedDict, total=False):
    """Options of a queue on Redis, as SAQ's `RedisQueue` takes them."""

    max_concurrent_ops: int
    """How many of `job` and `abort` run at once (default 20); what is enqueued goes in batches, without a limit."""
    swept_error_message: str
    """The error of a job that was swept (default "swept")."""


class PostgresQueueOptions(TypedDict, total=False):
    """Options of a queue on Postgres, as SAQ's `PostgresQueue` takes them."""

    versions_table: str
    """The table of schema versions (default "saq_versions")."""
    jobs_table: str
    """The table of jobs (default "saq_jobs")."""
    stats_table: str
    """The table of workers (default "saq_stats")."""
    min_size: int
    """The least number of connections (default 4)."""
    max_size: int
    """The largest number of connections (default 20); 0 keeps `min_size` of them."""
    saq_lock_keyspace: int
    """The first key of SAQ's advisory locks (default 0)."""
    priorities: tuple[int, int]
    """The lowest and highest priority that is dequeued (default (0, 32767))."""
    swept_error_message: str
    """The error of a job that was swept (default "swept")."""
    manage_pool_lifecycle: bool
    """Whether the queue opens and closes the pool (default True)."""


def check_options(fields: Fields, kind: BrokerKind) -> None:
    """Check `broker_options`: the names for this kind of broker, and each value.

    Raises:
        FieldError: where one is not accepted.
    """
    fields.mapping("broker_options", keys=_OPTIONS[kind].__annotations__ if kind in _OPTIONS else None)
    for name, value in fields.get("broker_options").items():
        accepts, accepted = _VALUES.get(name, (_is_anything, ""))
        if not accepts(value):
            raise fields.refuse("broker_options", f"{accepted} for {name}", value=f"{name}={value!r}")


_OPTIONS: Mapping[BrokerKind, type[Any]] = {
    "redis": RedisQueueOptions,
    "embedded": RedisQueueOptions,
    "postgres": PostgresQueueOptions,
}


def _is_anything(_value: Any) -> bool:
    return True


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 1


def _is_size(value: Any) -> bool:
    return _is_whole(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 2  # noqa: PLR2004 - lowest and highest
        and all(_is_whole(one) for one in value)
        and value[0] <= value[1]
    )


_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_concurrent_ops": (_is_count, "a whole number of at least 1"),
    "swept_error_message": (_is_text, "a text that is not empty"),
    "versions_table": (_is_text, "a text that is not empty"),
    "jobs_table": (_is_text, "a text that is not empty"),
    "stats_table": (_is_text, "a text that is not empty"),
    "min_size": (_is_size, "a whole number of at least 0"),
    "max_size": (_is_size, "a whole number of at least 0"),
    "saq_lock_keyspace": (_is_whole, "a whole number"),
    "priorities": (_is_range, "a pair of whole numbers, the lowest first,"),
    "manage_pool_lifecycle": (lambda value: isinstance(value, bool), "True or False"),
}
