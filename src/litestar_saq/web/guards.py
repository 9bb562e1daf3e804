"""Who may change something by the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from litestar.exceptions import PermissionDeniedException

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import Guard

__all__ = ("changes_guards",)

_SAFE = {"GET", "HEAD", "OPTIONS"}


def changes_guards(web_guards: list[Guard] | None) -> list[Guard]:
    """Return the guards of what changes something, beside the application's own.

    Args:
        web_guards: `SAQConfig.web_guards`; None is that nobody has thought about it, an empty list that anyone may.
    """
    return [_refuse_forged] if web_guards is not None else [_refuse_forged, _refuse_unguarded]


def _refuse_forged(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse what another site's page makes a user's browser send (by Fetch Metadata, else by `Origin`)."""
    if connection.scope.get("method") in _SAFE:
        return
    site = connection.headers.get("sec-fetch-site")
    if site is None:
        origin = connection.headers.get("origin")
        forged = origin is not None and urlsplit(origin).netloc != connection.headers.get("host")
    else:
        forged = site not in {"same-origin", "none"}
    if forged:
        raise PermissionDeniedException("This comes from the page of another site.")


def _refuse_unguarded(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if connection.scope.get("method") in _SAFE or connection.app.debug:
        return
    raise PermissionDeniedException(
        "Without guards nothing can be changed here: set SAQConfig.web_guards, to [] where anyone may."
    )
