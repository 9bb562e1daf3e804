"""The application whose worker `ours_peer` runs by the plugin's own command."""

from __future__ import annotations

import json
import os

from litestar import Litestar

from benchmarks.peers.adapter import Task
from benchmarks.peers.saq_jobs import JOBS
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
    config = QueueConfig(dsn=task.url, name=task.queue, tasks=list(JOBS), concurrency=task.concurrency)
    return SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=task.traced, otel_options=_dropping(task.traced)))


def _dropping(traced: bool) -> OtelOptions:
    """Return telemetry whose spans are all made, and dropped by the exporter."""
    if not traced:
        return OtelOptions()
    from benchmarks.providers import Providers  # noqa: PLC0415 - the SDK is no part of what is not traced

    return OtelOptions(tracer_provider=Providers(None).tracer, metrics=False)
