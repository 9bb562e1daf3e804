"""What is shown of queues and jobs."""

from __future__ import annotations

from typing import Any

from litestar_saq._metadata import visible_meta

__all__ = ("show_job", "show_queue")


def show_job(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a job's fields for the page, arguments and result as text.

    They are text for safety's sake too: the page's script takes an object for instructions
    on how to build an element.
    """
    shown: dict[str, Any] = {
        name: repr(value) if name in {"kwargs", "result"} else value for name, value in fields.items()
    }
    meta = visible_meta(shown.pop("meta", None))
    return {**shown, "meta": meta} if meta else shown


def show_queue(info: dict[str, Any]) -> dict[str, Any]:
    """Return a queue's state for the page."""
    return {**info, "jobs": [show_job(job) for job in info["jobs"]]}
