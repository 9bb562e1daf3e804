"""The least that makes an application with a queue.

litestar --app-dir=examples/ --app basic:app workers run
"""

import os

from litestar import Litestar

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin

saq = SAQPlugin(
    config=SAQConfig(
        use_server_lifespan=True,
        queue_configs=[QueueConfig(name="samples", dsn=os.getenv("REDIS_URL", "redis://localhost:6379/0"))],
    )
)
app = Litestar(plugins=[saq])
