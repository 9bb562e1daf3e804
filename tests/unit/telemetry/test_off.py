"""Telemetry that is off costs nothing: no method of a queue is another one."""

from __future__ import annotations

import pytest
from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin
from litestar_saq.telemetry import OtelOptions
from litestar_saq.testing import InMemoryQueue

METHODS = {"enqueue", "apply", "map", "dequeue", "update", "finish", "retry", "abort"}


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_is_put_around_a_queue_that_is_not_traced(enabled: bool) -> None:
    config = QueueConfig(broker_instance=InMemoryQueue("off"), name="off")
    plugin = SAQPlugin(SAQConfig(queue_configs=[config], enable_otel=enabled, otel_options=OtelOptions()))
    Litestar(plugins=[plugin])
    around = METHODS & vars(plugin.get_queue("off")).keys()
    assert around == (METHODS if enabled else set())
