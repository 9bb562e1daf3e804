"""A report's progress as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from litestar.response import ServerSentEventMessage
from litestar.serialization import encode_json
from opentelemetry.instrumentation.utils import suppress_instrumentation
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar

    from reference_app.reports import Report
    from reference_app.store import Store

__all__ = ("end_streams_at_stop", "stream_progress")

logger = logging.getLogger(__name__)

_LOOK_S = 0.2
_SILENCE_S = 15.0
"""After how long a comment is sent, so that nobody between takes the connection for dead."""

_STOPPING = "stopping"


async def stream_progress(store: Store, report: Report, app: Litestar) -> AsyncIterator[ServerSentEventMessage]:
    """Yield an event whenever the report got on, at last one named `complete` or `failed`.

    Args:
        store: where the report is.
        report: the report as it is now.
        app: the application; when it stops the stream ends, and the client connects again somewhere else.
    """
    stopping: asyncio.Event = app.state[_STOPPING]
    sent: dict[str, Any] | None = None
    said = time.monotonic()
    current: Report | None = report
    while current is not None and not stopping.is_set():
        if current.summary() != sent:
            sent, said = current.summary(), time.monotonic()
            event = current.status if current.ended else "progress"
            yield ServerSentEventMessage(event=event, data=encode_json(sent))
        elif time.monotonic() - said > _SILENCE_S:
            said = time.monotonic()
            yield ServerSentEventMessage(comment="still at it", data=None)
        if current.ended:
            return
        await _pause(stopping)
        current = await _look(store, current)


async def _look(store: Store, last: Report) -> Report | None:
    try:
        # Five times a second: these would be nearly all spans of a trace.
        with suppress_instrumentation():
            return await store.get(last.id, columns=False)
    except (RedisError, OSError) as error:
        # A broker that is away comes back, and until then nothing is known to have changed.
        logger.info("a stream waits for the broker: %s", type(error).__name__)
        return last


async def _pause(stopping: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), _LOOK_S)
    except TimeoutError:
        return


@asynccontextmanager
async def end_streams_at_stop(app: Litestar) -> AsyncIterator[None]:
    """Make the signal that stops the server end the streams, for which the server would wait; a lifespan."""
    stopping = app.state[_STOPPING] = asyncio.Event()
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}

    def stop(signum: int, frame: Any) -> None:
        loop.call_soon_threadsafe(stopping.set)
        if callable(handler := before[signum]):
            handler(signum, frame)

    # Only the main thread has signals, and only the server's own handler is worth passing them on to.
    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGTERM, signal.SIGINT):
            if callable(signal.getsignal(signum)):
                before[signum] = signal.signal(signum, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stopping.set()
