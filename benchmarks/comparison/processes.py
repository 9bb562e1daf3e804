"""The adapters' processes: asked for figures, or working until they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from benchmarks.peers.adapter import Task
from benchmarks.peers.board import FOLDER

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from benchmarks.comparison.variants import Variant

__all__ = ("Peer", "PeerError", "Workers")

ROOT = Path(__file__).resolve().parents[2]
_LONGEST_S = 1800.0
_TOLD = 2000
"""How much of what a process that failed has said is shown, in characters."""


class PeerError(Exception):
    """A peer's process failed."""


@dataclass(frozen=True)
class Workers:
    """Worker processes and the folder of their boards."""

    folder: Path
    processes: list[Process]
    log: IO[bytes]

    @property
    def pids(self) -> list[int]:
        """Of the processes that were started; they may have children."""
        return [process.pid for process in self.processes]

    def check(self) -> None:
        """See that none has ended.

        Raises:
            PeerError: where one has; it has what they said.
        """
        for process in self.processes:
            if process.returncode is not None:
                raise PeerError(f"a worker ended with exit code {process.returncode}: {self.told()}")

    def told(self) -> str:
        """Return the end of what they have said."""
        return Path(self.log.name).read_text("utf-8", "replace")[-_TOLD:]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A variant and the Python that it runs by."""

    variant: Variant
    python: Path
    facts: dict[str, Any]
    """What its adapter tells of it."""

    @classmethod
    async def meet(cls, variant: Variant, python: Path) -> Peer:
        """Ask the adapter what it is."""
        peer = cls(variant=variant, python=python, facts={})
        peer.facts.update(await peer.ask(Task(role="describe")))
        return peer

    async def ask(self, task: Task) -> dict[str, Any]:
        """Run an adapter to its end; return its figures.

        Raises:
            PeerError: where it fails, or takes too long.
        """
        pipe = asyncio.subprocess.PIPE
        async with self._started(task, stdout=pipe, stderr=pipe) as process:
            try:
                output, said = await asyncio.wait_for(process.communicate(), _LONGEST_S)
            except TimeoutError as error:
                raise PeerError(f"{task.role} took longer than {_LONGEST_S:.0f} s") from error
        if process.returncode:
            raise PeerError(f"{task.role} ended with {process.returncode}: {said.decode(errors='replace')[-_TOLD:]}")
        return dict(json.loads(output))

    @asynccontextmanager
    async def working(self, task: Task, workers: int = 1) -> AsyncIterator[Workers]:
        """Run worker processes; who leaves the context ends them, without their leave."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            log = stack.enter_context((folder / "log").open("wb"))
            processes = [
                await stack.enter_async_context(self._started(task, stdout=log, stderr=log, folder=folder))
                for _ in range(workers)
            ]
            yield Workers(folder, processes, log)

    @asynccontextmanager
    async def _started(
        self, task: Task, *, stdout: Any, stderr: Any, folder: Path | None = None
    ) -> AsyncIterator[Process]:
        """Start an adapter out of Ctrl-C's reach, in a group of processes that ends with the context."""
        process = await asyncio.create_subprocess_exec(
            *(self.python, "-m", f"benchmarks.peers.{self.variant.module}_peer", json.dumps(asdict(task))),
            cwd=ROOT,
            env=self._environment(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    def _environment(self, folder: Path | None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        if self.variant.own_environment:
            # Else this project's sources would stand before the peer's packages.
            kept.pop("PYTHONPATH", None)
        return kept | ({FOLDER: str(folder)} if folder else {})
