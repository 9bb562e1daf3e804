"""The application whose worker runs the load's jobs, for `litestar --app reference_app.load.app:create_app`."""

from __future__ import annotations

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from reference_app import telemetry
from reference_app.load.jobs import fail, fail_at_first, take_time
from reference_app.logs import make_logging_config
from reference_app.queues import queue_options
from reference_app.settings import load_settings

__all__ = ("QUEUE", "create_app", "make_plugin")

QUEUE = "load"


def make_plugin() -> SAQPlugin:
    """Return the plugin with the queue `load`, as the environment sets it."""
    settings = load_settings()
    queue = QueueConfig(name=QUEUE, tasks=[take_time, fail_at_first, fail], concurrency=20, **queue_options(settings))
    return SAQPlugin(
        SAQConfig(
            queue_configs=[queue],
            enable_otel=telemetry.wanted(),
            otel_setup=telemetry.set_up,
            health_dir=settings.health_dir,
        )
    )


def create_app() -> Litestar:
    """Return the application."""
    return Litestar(
        plugins=[make_plugin()], logging_config=make_logging_config(load_settings().log_level), openapi_config=None
    )
