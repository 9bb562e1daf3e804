"""`python -m reference_app.load`: sends a load until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from litestar_saq import SAQPlugin
from reference_app.load.app import QUEUE, create_app
from reference_app.load.generator import Generator
from reference_app.load.settings import LoadSettings

if TYPE_CHECKING:
    from litestar import Litestar


def main() -> int:
    """Send until SIGTERM or Ctrl-C; return the exit code."""
    try:
        settings = LoadSettings()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = "_".join(str(part) for part in problem["loc"]).upper()
        sys.exit(f"The settings can't be used: LOAD_{name} is {problem['input']!r}: {problem['msg']}")
    asyncio.run(_run(create_app(), settings))
    return 0


async def _run(app: Litestar, settings: LoadSettings) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, ending.set)
    plugin = app.plugins.get(SAQPlugin)
    # The application's lifespan connects the queue, sets telemetry up and flushes it.
    async with app.lifespan(), httpx.AsyncClient(base_url=settings.api_url, timeout=30, trust_env=False) as http:
        await Generator(settings, plugin.get_queue(QUEUE), http).run(ending)


if __name__ == "__main__":
    sys.exit(main())
