"""An application in a folder that is not the working directory, with a name of its own for its task."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

multiprocessing.set_start_method(os.environ.get("METHOD", "fork"), force=True)


async def whoami(ctx: Any, *, secret: str) -> str:
    return f"{__name__} {bool(secret)}"


def application() -> Litestar:
    configs = [
        QueueConfig(name=f"{letter}-{os.environ['RUN']}", dsn=os.environ["DSN"], tasks=[whoami]) for letter in "ab"
    ]
    return Litestar(plugins=[SAQPlugin(SAQConfig(queue_configs=configs))])


app = application()
