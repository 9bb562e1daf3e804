"""Nothing of these tests needs a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from litestar_saq import Worker
from litestar_saq.testing import InMemoryQueue


@pytest.fixture
def queue() -> InMemoryQueue:
    return InMemoryQueue("samples")


@pytest.fixture
async def worker(queue: InMemoryQueue) -> Iterator[Worker]:
    """A worker that is not started."""
    made = Worker(queue, [], id="worker-1")
    yield made
    made.pool.shutdown(wait=False)
