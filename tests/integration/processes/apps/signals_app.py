"""Workers that are told to end once more in the middle of a signal's handler, or of putting a log record."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

if TYPE_CHECKING:
    from types import FrameType

UPON = {"handler": {"_signalled", "end"}, "log": {"put"}}[os.environ["UPON"]]
ARMED = Path("armed")
MODE: Any = os.environ.get("MODE", "multiprocessing")
AT_LINE = int(os.environ["AT_LINE"])


class Upon:
    """Tells this process to end at one line of some functions, and of what they call."""

    def __init__(self) -> None:
        self.depth = self.line = 0

    def calls(self, frame: FrameType, _event: str, _: object) -> Any:
        if not self.depth and not (frame.f_code.co_name in UPON and ARMED.exists()):
            return None
        self.depth += 1
        return self.lines

    def lines(self, _frame: FrameType, event: str, _: object) -> Any:
        if event == "return":
            self.depth -= 1
        elif event == "line":
            self.line += 1
            if self.line == AT_LINE:
                os.kill(os.getpid(), signal.SIGTERM)
        return self.lines


async def nothing(_ctx: Any) -> None: ...


queues = [
    QueueConfig(
        dsn=os.environ["DSN"],
        name=f"{letter}-{os.environ['RUN']}",
        tasks=[nothing],
        multiprocessing_mode=MODE,
        shutdown_grace_period_s=30,  # else they have 11 s to end, and a machine may stall
    )
    for letter in "ab"
]
app = Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=queues))])
sys.settrace(Upon().calls)
