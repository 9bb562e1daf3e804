"""What is installed, and the types of hooks and tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from importlib.util import find_spec
from typing import Any, TypeAlias

from saq.types import Context

OPENTELEMETRY_INSTALLED: bool = find_spec("opentelemetry") is not None and find_spec("opentelemetry.trace") is not None
"""Whether `opentelemetry-api` can be imported."""
STRUCTLOG_INSTALLED: bool = find_spec("structlog") is not None
"""Whether `structlog` can be imported."""

Hook: TypeAlias = Callable[[Context], Any]
"""A worker's hook: asynchronous, or synchronous and then run in a thread."""
Task: TypeAlias = Callable[..., Any]
"""A job's function: takes the context, then the job's arguments by name."""
Redact: TypeAlias = bool | Collection[str] | Callable[[dict[str, Any]], Mapping[str, Any]]
"""What of jobs is not shown; see `QueueConfig.redact`."""
AsyncTask: TypeAlias = Callable[..., Awaitable[Any]]

__all__ = ("OPENTELEMETRY_INSTALLED", "STRUCTLOG_INSTALLED", "AsyncTask", "Hook", "Redact", "Task")
