"""The demo's embedded broker."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Self

from litestar_saq.brokers.embedded import address, embedded_redis

__all__ = ("EmbeddedBroker",)


class EmbeddedBroker:
    """Runs an embedded Valkey in a folder, from entering to leaving the context.

    The demo is one of its users beside the API and the workers, so that it outlives them
    all, and so that its end can be waited for.
    """

    def __init__(self, folder: Path) -> None:
        self.dsn = f"embedded://{folder}"
        self._client = embedded_redis(self.dsn)
        self._keeper = -1

    async def __aenter__(self) -> Self:
        try:
            await self._client.ping()
        except BaseException:
            await self._client.aclose()
            raise
        self._keeper = os.open(Path(address(self.dsn)).with_name("keeper"), os.O_RDONLY)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        # The process that keeps the server holds this lock for as long as it lives.
        await asyncio.to_thread(fcntl.flock, self._keeper, fcntl.LOCK_SH)
        os.close(self._keeper)
