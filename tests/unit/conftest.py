"""Nothing of these tests needs a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from litestar_saq import QueueConfig


async def task(_ctx: Any) -> None: ...


@pytest.fixture
def queue_config() -> QueueConfig:
    return QueueConfig(dsn="redis://localhost:6379/0", name="samples", tasks=[task])
