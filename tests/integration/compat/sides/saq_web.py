"""SAQ's own page, without a worker."""

from __future__ import annotations

import os

from aiohttp import web
from saq import Queue
from saq.web.aiohttp import create_app

if __name__ == "__main__":
    queue = Queue.from_url(os.environ["DSN"], name=os.environ["QUEUE"])

    async def connect(_app: web.Application) -> None:
        await queue.connect()

    app = create_app([queue])
    app.on_startup.append(connect)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]))
