"""When jobs are traced.

litestar --app-dir=examples/ --app otel_config:app workers run
"""

import os

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

config = SAQConfig(
    queue_configs=[QueueConfig(dsn=os.getenv("REDIS_URL", "redis://localhost:6379/0"))],
    # None (the default) traces where OpenTelemetry is installed and Litestar's OpenTelemetryPlugin is active,
    # True always (and is an error where it is not installed), False never.
    enable_otel=None,
)
app = Litestar(plugins=[SAQPlugin(config)])
