"""Where the page, its API and its files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.di import Provide

from litestar_saq.web import api
from litestar_saq.web.files import build_files
from litestar_saq.web.guards import changes_guards
from litestar_saq.web.page import build_index

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from litestar.handlers import HTTPRouteHandler
    from litestar.types import Guard

    from litestar_saq.queues import TaskQueues

__all__ = ("WebConfig", "build_web_handlers")


class WebConfig(Protocol):
    """What the page needs of `SAQConfig`."""

    web_path: str
    """The page's path."""
    web_guards: list[Guard] | None
    """Guards of the page and its API; None: it can be looked at, and nothing be changed but in debug mode."""
    web_include_in_schema: bool
    """Whether the API is in the OpenAPI schema."""
    static_files: Path
    """The folder of SAQ's scripts and styles."""


def build_web_handlers(
    config: WebConfig, get_queues: Callable[[], Awaitable[TaskQueues]]
) -> list[Router | HTTPRouteHandler]:
    """Make the routes of one application.

    The page and its API are guarded. The scripts and styles are not, and an authentication
    middleware leaves them out: they are those of a public package.

    Args:
        config: where they are, and who may use them.
        get_queues: returns the queues, once for each request.
    """
    path = config.web_path.rstrip("/")

    async def provide() -> Any:
        return await get_queues()

    return [
        *build_files(f"{path}/static", config.static_files),
        Router(
            path or "/",
            route_handlers=[*api.HANDLERS, build_index(path)],
            guards=[*(config.web_guards or []), *changes_guards(config.web_guards)],
            dependencies={api.QUEUES_KEY: Provide(provide)},
            cache_control=CacheControlHeader(no_store=True),
            include_in_schema=config.web_include_in_schema,
            tags=["SAQ"],
        ),
    ]
