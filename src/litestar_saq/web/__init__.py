"""SAQ's page."""

from __future__ import annotations

from typing import Any


def build_web_handlers(config: Any, get_queues: Any) -> list[Any]:
    return []
