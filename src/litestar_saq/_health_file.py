"""The file in which a worker tells that it lives, from its event loop: one that hangs stops telling."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from litestar_saq.exceptions import LitestarSaqError
from litestar_saq.health import SUFFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ("BEAT_EVERY_S", "HealthFile", "HealthFileError", "State")

State: TypeAlias = Literal["starting", "running", "away", "ending"]

logger = logging.getLogger(__name__)

BEAT_EVERY_S = 2.0
"""Seconds between two signs of life."""
_SIZE = 1024


class HealthFileError(LitestarSaqError):
    """The file that tells that a worker lives can't be made."""


class HealthFile:
    """The file in which a worker tells that it lives.

    It is locked for as long as the worker's process lives, so that what a killed one has left is told from it.

    Args:
        folder: where the files are; it is made where it is missing.
        queue: the worker's queue.
        worker_id: the worker's id.
        state: returns what the worker does: `starting`, `running`, `away` (its broker is) or `ending`.
    """

    def __init__(self, folder: Path, queue: str, worker_id: str, state: Callable[[], State]) -> None:
        self._path = folder / f"{quote(f'{queue}-{worker_id}', safe='')}{SUFFIX}"
        self._told = {"queue": queue, "worker_id": worker_id}
        self._state = state
        self.is_kept = False

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Tell it inside, and leave no file behind."""
        import fcntl  # noqa: PLC0415 - Windows has none, and can import this module

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise HealthFileError(f"{self._path} can't be made (SAQConfig.health_dir): {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.is_kept = True
            self._write(file)
            telling = asyncio.create_task(self._tell(file))
            try:
                yield
            finally:
                telling.cancel()
                await asyncio.wait({telling})
        finally:
            self.is_kept = False
            self._path.unlink(missing_ok=True)
            os.close(file)

    async def _tell(self, file: int) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            try:
                self._write(file)
            except OSError as error:
                logger.warning("%s can't be written: %s", self._path, error.strerror)

    def _write(self, file: int) -> None:
        # The same clock in every process of the machine, and nobody sets it.
        told = {**self._told, "pid": os.getpid(), "state": self._state(), "at": time.monotonic()}
        os.pwrite(file, json.dumps(told).encode().ljust(_SIZE), 0)
