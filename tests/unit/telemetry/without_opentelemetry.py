"""A program where OpenTelemetry can't be imported."""

import asyncio
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from typing import Any


class Absent(MetaPathFinder):
    """Finds no OpenTelemetry, whatever is installed."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        del path, target
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


plain = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (  # type: ignore[assignment]  # what the library looks with
    None if name.partition(".")[0] == "opentelemetry" else plain(name, package)
)
sys.meta_path.insert(0, Absent())

from litestar import Litestar  # noqa: E402 - after the finder

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, Worker  # noqa: E402 - the same
from litestar_saq.exceptions import MissingDependencyError  # noqa: E402 - the same
from litestar_saq.telemetry import instrument_queue, propagation  # noqa: E402 - the same
from litestar_saq.testing import InMemoryQueue  # noqa: E402 - the same


async def greet(_ctx: Any, *, name: str) -> str:
    return f"Hello, {name}!"


async def main() -> None:
    queue = InMemoryQueue("greetings")
    config = SAQConfig(queue_configs=[QueueConfig(name="greetings", broker_instance=queue, tasks=[greet])])
    plugin = SAQPlugin(config)
    Litestar(plugins=[plugin])
    worker = Worker(plugin.get_queue("greetings"), [greet])
    worker.start_in_background()
    with propagation("link"):
        print(await queue.apply("greet", name="Ada", poll_interval=0.05))
    await worker.stop_in_background()
    for refused in (lambda: SAQConfig(enable_otel=True), lambda: instrument_queue(queue)):
        try:
            refused()
        except MissingDependencyError as error:
            print("refused" if "otel" in str(error) else error)


asyncio.run(main())
