"""What is shown of queues and jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from litestar_saq._metadata import visible_meta

if TYPE_CHECKING:
    from litestar_saq.typing import Redact

__all__ = ("show_job", "show_queue")

logger = logging.getLogger(__name__)

_HIDDEN = "…"
_SECRET = ("kwargs", "result", "error", "meta")


def show_job(fields: dict[str, Any], redact: Redact = False) -> dict[str, Any]:
    """Return a job's fields for the page, arguments and result as text.

    They are text for safety's sake too: the page's script takes an object for instructions
    on how to build an element.

    Args:
        fields: what a job holds.
        redact: see `QueueConfig.redact`.
    """
    shown = {**fields, "meta": visible_meta(fields.get("meta"))}
    shown = _redacted(shown, redact)
    shown = {name: repr(value) if name in {"kwargs", "result"} else value for name, value in shown.items()}
    return shown if shown["meta"] else {name: value for name, value in shown.items() if name != "meta"}


def show_queue(info: dict[str, Any], redact: Redact = False) -> dict[str, Any]:
    """Return a queue's state for the page."""
    return {**info, "jobs": [show_job(job, redact) for job in info["jobs"]]}


def _redacted(shown: dict[str, Any], redact: Redact) -> dict[str, Any]:
    if redact is True:
        return _hidden(shown)
    if not redact:
        return shown
    if isinstance(redact, Collection):
        names = frozenset(redact)
        return {name: _without(value, names) if name in _SECRET else value for name, value in shown.items()}
    try:
        return {**shown, **_own(redact, shown)}
    except Exception as error:  # noqa: BLE001 - whatever it raises, what it was to hide is not shown
        logger.error("redact of job %s failed: %s; it is hidden", shown.get("key"), type(error).__name__)  # noqa: TRY400
        return _hidden(shown)


def _own(redact: Callable[[dict[str, Any]], Mapping[str, Any]], shown: dict[str, Any]) -> dict[str, Any]:
    given = redact({name: shown[name] for name in _SECRET if name in shown})
    return {name: given.get(name) for name in _SECRET if name in shown}


def _hidden(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: _HIDDEN if name in _SECRET and value else value for name, value in shown.items()}


def _without(value: Any, names: frozenset[str]) -> Any:
    """Return a value without what is under these names in it, however deep."""
    if isinstance(value, Mapping):
        return {name: _HIDDEN if name in names else _without(inner, names) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without(inner, names) for inner in value]
    return value
