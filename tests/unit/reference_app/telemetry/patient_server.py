"""The application, whose processes wait for their last export for longer than a machine may stall."""

from __future__ import annotations

from functools import partial

from litestar_saq import SAQConfig
from litestar_saq.telemetry import OtelOptions
from reference_app import queues
from reference_app.server import create_app

__all__ = ("create_app",)

vars(queues)["SAQConfig"] = partial(SAQConfig, otel_options=OtelOptions(flush_timeout_s=30))
