"""The application whose worker `ours_peer` runs by the plugin's own command."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from litestar import Litestar

from benchmarks.peers.adapter import NAP_S, Task, begun
from benchmarks.peers.recorder import record
from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.telemetry import OtelOptions

__all__ = ("TASK", "make_app", "make_plugin")

TASK = "BENCH_TASK"
"""The variable with the task, as JSON."""


def make_plugin(task: Task) -> SAQPlugin:
    """Return the plugin as an application has set it up."""
    plugin = _plugin(task)
    Litestar(plugins=[plugin], logging_config=None)
    return plugin


def make_app() -> Litestar:
    """Return the application of the task in the environment."""
    return Litestar(plugins=[_plugin(Task(**json.loads(os.environ[TASK])))], logging_config=None)


def _plugin(task: Task) -> SAQPlugin:
    """With its defaults, as the README shows it."""
    config = QueueConfig(dsn=task.url, name=task.queue, tasks=[no_op, nap, profiled], concurrency=task.concurrency)
    return SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=task.traced, otel_options=_dropping(task.traced)))


def _dropping(traced: bool) -> OtelOptions:
    """Return telemetry whose spans are all made, and dropped by the exporter."""
    if not traced:
        return OtelOptions()
    from benchmarks.providers import Providers  # noqa: PLC0415 - the SDK is no part of what is not traced

    return OtelOptions(tracer_provider=Providers(None).tracer, metrics=False)


async def no_op(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Do nothing."""
    del payload
    begun(sent_ns)


async def profiled(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Do nothing, and record what is around it."""
    del payload, sent_ns
    record()


async def nap(_ctx: Any, *, payload: str, sent_ns: int) -> None:
    """Wait as long as a quick query takes."""
    del payload
    begun(sent_ns)
    await asyncio.sleep(NAP_S)
