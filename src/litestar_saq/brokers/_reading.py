"""Reads what is stored of a job, whoever has written it."""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from numbers import Real
from reprlib import repr as _short
from typing import TYPE_CHECKING, Any

from saq.job import Job as SaqJob
from saq.job import Status

from litestar_saq.exceptions import JobFieldError, UnreadableJobError
from litestar_saq.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from saq.queue.base import Queue

__all__ = ("check_fields", "read_job")

_NOTHING = type(None)
_NUMBER = (int, float)
_TYPES: dict[str, tuple[type, ...]] = {
    "function": (str,),
    "key": (str,),
    "kwargs": (dict, _NOTHING),
    "meta": (dict, _NOTHING),
    "status": (str,),
    "timeout": (*_NUMBER, _NOTHING),
    "heartbeat": (*_NUMBER, _NOTHING),
    "retry_backoff": (bool, *_NUMBER),
    "error": (str, _NOTHING),
    "group_key": (str, _NOTHING),
    "worker_id": (str, _NOTHING),
    "result": (object,),
    **dict.fromkeys(("retries", "ttl", "retry_delay", "scheduled", "progress", "attempts", "priority"), _NUMBER),
    **dict.fromkeys(("completed", "queued", "started", "touched"), _NUMBER),
}
"""What each field that is stored may be; SAQ's `Job` has them."""
_TYPES |= {field.name: (object,) for field in fields(SaqJob) if field.name not in {*_TYPES, "queue"}}  # a newer SAQ's
_STATUSES = tuple(status.value for status in Status)
_USUALLY: dict[str, type] = {name: types[0] for name, types in _TYPES.items() if name != "scheduled"}
_USUALLY |= {"status": Status, "queue": str}
"""What needs no closer look."""


def check_fields(stored: Mapping[str, Any]) -> None:
    """See that what is to be stored of a job can be read again.

    Raises:
        JobFieldError: where it can't.
    """
    for name, value in stored.items():
        if value.__class__ is not _USUALLY.get(name):
            _check_closely(stored, name, value)


def _check_closely(stored: Mapping[str, Any], name: str, value: Any) -> None:
    types = _TYPES.get(name, (object,))
    accepted: Any = (*types, Real) if float in types else types
    if not isinstance(value, accepted):
        raise _refused(stored, name, _names(types, nothing="None"))
    if name == "scheduled" and (value is True or not (value >= 1 and isfinite(value))):
        raise _refused(stored, name, "seconds since 1970, or 0 for at once")


def _refused(stored: Mapping[str, Any], name: str, accepted: str) -> JobFieldError:
    value = stored[name]
    shown = f"a {type(value).__name__}" if name in Job.SECRET_FIELDS else _short(value)
    return JobFieldError(stored["function"], name, shown, accepted)


def _names(types: tuple[type, ...], *, nothing: str) -> str:
    return ", ".join(nothing if one is _NOTHING else one.__name__ for one in types)


def read_job(
    queue: Queue, payload: dict[str, Any] | str | bytes, load: Callable[[Any], Any], status: Status | str | None
) -> Job | None:
    """Return a job; None for a proxy's `null`.

    Args:
        queue: whose job it is.
        payload: what is stored of it.
        load: what reads that.
        status: what it is now, where that is kept apart.

    Raises:
        UnreadableJobError: where that is no job of this queue.
    """
    stored = payload if isinstance(payload, dict) else _loaded(queue, payload, load)
    if stored is None:
        return None
    stored = dict(stored)
    if (owner := stored.pop("queue", None)) != queue.name:
        raise UnreadableJobError(queue.name, f"job {_short(stored.get('key'))} belongs to queue {_short(owner)}")
    if status:
        stored["status"] = getattr(status, "value", status)
    if isinstance(stored.get("key"), int):  # SAQ takes one
        stored["key"] = str(stored["key"])
    _check(queue, stored)
    if stored.get("meta", stored) is None:
        del stored["meta"]
    return Job(**stored, queue=queue)


def _loaded(queue: Queue, payload: str | bytes, load: Callable[[Any], Any]) -> dict[str, Any] | None:
    try:
        stored = load(payload)
    except Exception as error:
        raise UnreadableJobError(queue.name, f"the serializer does not take it ({type(error).__name__})") from error
    if stored is not None and not isinstance(stored, dict):
        raise UnreadableJobError(queue.name, f"it is no mapping, but {type(stored).__name__}")
    return stored


def _check(queue: Queue, stored: dict[str, Any]) -> None:
    for name, value in stored.items():
        if not isinstance(value, _TYPES.get(name, ())):
            raise _refusal(queue, name, value)
    for name in ("function", "key"):
        if name not in stored:
            raise UnreadableJobError(queue.name, f"it has no {name!r}")
    named = stored.get("status")
    if named is not None and named.lower() not in _STATUSES:
        raise UnreadableJobError(queue.name, f"its 'status' is {_short(named)}: {', '.join(_STATUSES)} are accepted")


def _refusal(queue: Queue, name: str, value: object) -> UnreadableJobError:
    if name not in _TYPES:
        return UnreadableJobError(queue.name, f"SAQ's jobs have no {_short(name)}")
    accepted = _names(_TYPES[name], nothing="null")
    return UnreadableJobError(queue.name, f"its {name!r} is of type {type(value).__name__}: {accepted} are accepted")
