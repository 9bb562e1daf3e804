"""Makes the instrumentations of clients (redis, psycopg, aiohttp) silent where a worker polls."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from litestar_saq.telemetry._state import in_upkeep
from litestar_saq.typing import OPENTELEMETRY_INSTALLED

# Here, since an import costs its time in each job, too.
if TYPE_CHECKING or OPENTELEMETRY_INSTALLED:
    from opentelemetry.context import attach, detach, set_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from contextvars import Token

    from opentelemetry.context import Context
    from saq.queue.base import Queue

__all__ = ("quiet", "quieted", "suppressed", "upkeep")

_KEY = "suppress_instrumentation"
"""What OpenTelemetry's instrumentations look for in the context (`opentelemetry.instrumentation.utils`)."""


def quieted(context: Context | None = None) -> Context:
    """Return a context in which they are silent."""
    return set_value(_KEY, True, context)


class suppressed:  # noqa: N801 - used as a function would be; a generator's context manager takes twice the time
    """Make them silent inside, in the current context or a given one."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context | None = None) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token: Token[Context] = attach(quieted(self._context))

    def __exit__(self, *_: object) -> None:
        detach(self._token)


def quiet(queue: Queue) -> AbstractContextManager[None]:
    """Make them silent inside, where the queue has telemetry."""
    from litestar_saq.telemetry.attachment import telemetry_of  # noqa: PLC0415 - it knows us

    return suppressed() if telemetry_of(queue) is not None else nullcontext()


@contextmanager
def upkeep(queue: Queue) -> Iterator[None]:
    """Mark what a worker does beside its jobs; no span that is current here is the parent of what follows."""
    from litestar_saq.telemetry.attachment import telemetry_of  # noqa: PLC0415 - it knows us

    if telemetry_of(queue) is None or not OPENTELEMETRY_INSTALLED:
        yield
        return
    from opentelemetry.context import Context  # noqa: PLC0415 - the package of an extra

    mark: Any = in_upkeep.set(True)
    try:
        with suppressed(Context()):
            yield
    finally:
        in_upkeep.reset(mark)
