"""The demo's child processes: started together, watched, and ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ("Child", "ChildDiedError", "Processes")

POLL_S = 0.05
"""How often a child is looked at."""
GRACE_S = {signal.SIGTERM: 10.0, signal.SIGINT: 3.0, signal.SIGKILL: 3.0}
"""What an ending child is sent in turn, and how many seconds each has to work."""
SHOWN_LINES = 25
"""How many lines of a dead child's log are shown."""


class ChildDiedError(Exception):
    """A process of the demo ended by itself."""

    def __init__(self, child: Child) -> None:
        code = child.returncode or 0
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        super().__init__(f"{child.name} ended by itself ({ended}); its last lines:\n{child.last_lines(SHOWN_LINES)}")


class Child:
    """A process in a session of its own, so that Ctrl-C reaches it through us alone; it writes to a file."""

    def __init__(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the demo's own commands
                argv,
                cwd=log.parent,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process' id, which is its group's too."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll()

    def last_lines(self, count: int) -> str:
        """Return the end of what it has written."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-count:]) or "(it wrote nothing)"

    async def end(self) -> None:
        """Ask it to end, then less politely, and see that its group is gone."""
        for number, grace_s in GRACE_S.items():
            if not self._signal(number):
                return
            deadline = time.monotonic() + grace_s
            while self._runs() and time.monotonic() < deadline:  # noqa: ASYNC110 - nothing tells of a whole group's end
                await asyncio.sleep(POLL_S)

    def _signal(self, number: signal.Signals) -> bool:
        """Signal the process, or what it has left behind in its group; tell whether something was there."""
        try:
            if self.returncode is None and number != signal.SIGKILL:
                self._process.send_signal(number)
            else:
                os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _runs(self) -> bool:
        if self.returncode is None:
            return True
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


class Processes:
    """The children of the demo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Start one; what it writes goes to a file of its name in the folder."""
        log = self._folder / f"{name.replace(' ', '-')}.log"
        self._children.append(Child(name, argv, env=env, log=log))

    async def watch(self) -> None:
        """Wait for ever.

        Raises:
            ChildDiedError: as soon as one has ended.
        """
        while True:
            for child in self._children:
                if child.returncode is not None:
                    raise ChildDiedError(child)
            await asyncio.sleep(POLL_S)

    async def end(self) -> None:
        """End them: the first one started first, the others together after it."""
        first, others = self._children[:1], self._children[1:]
        for group in (first, others):
            await asyncio.gather(*(child.end() for child in group))
