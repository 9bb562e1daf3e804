"""The page: SAQ's own script, on any path and behind any proxy."""

# Litestar reads the handler's annotations at run time, so what they name is imported.
import html
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

__all__ = ("build_index", "render_page")

_PATHS = ["/", "/queues/{queue_id:str}", "/queues/{queue_id:str}/jobs/{job_id:str}"]
_HEADERS = {
    # SAQ's style sheet has its pictures in data URLs, and nothing is loaded from elsewhere.
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <link rel="icon" href="data:,">
        <link rel="stylesheet" type="text/css" href="{root}/static/pico.min.css">
        <title>SAQ</title>
    </head>
    <body>
        <div id="app"></div>
        <script src="{root}/static/snabbdom.js"></script>
        <script src="{root}/static/before-app.js" data-root-path="{root}"{csrf}></script>
        <script src="{root}/static/app.js"></script>
    </body>
</html>
"""


def build_index(path: str) -> HTTPRouteHandler:
    """Make the page's handler.

    Args:
        path: the page's path in the application; empty at its root.
    """

    @get(
        _PATHS,
        operation_id="WorkerIndex",
        name="worker:index",
        media_type=MediaType.HTML,
        response_headers=_HEADERS,
        cache=False,
        include_in_schema=False,
    )
    async def index(request: Request[Any, Any, Any]) -> Response[str]:
        """Show the page, which finds out by its address what to show."""
        mounted_at = str(request.scope.get("root_path", "")).rstrip("/")
        csrf = request.app.csrf_config
        names = (csrf.cookie_name, csrf.header_name) if csrf else None
        return Response(render_page(mounted_at + path, csrf=names), media_type=MediaType.HTML)

    return index


def render_page(root: str, csrf: tuple[str, str] | None = None) -> str:
    """Return the page.

    Args:
        root: the page's path as a browser sees it, with no slash at its end.
        csrf: the names of the cookie and the header of the application's protection against
            forged requests; None where it has none.
    """
    attributes = ""
    if csrf:
        cookie, header = map(html.escape, csrf)
        attributes = f' data-csrf-cookie="{cookie}" data-csrf-header="{header}"'
    return _PAGE.format(root=html.escape(root), csrf=attributes)
