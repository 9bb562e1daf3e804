"""The page, which is made of files that are served as they are."""

# Litestar reads the annotations at run time: no `from __future__ import annotations` here.
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, Router, get
from litestar.di import NamedDependency
from litestar.static_files import create_static_files_router

from reference_app.settings import Settings

__all__ = ("make_page_routes",)

_FILES = Path(__file__).parent / "page"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@get("/", include_in_schema=False, sync_to_thread=False)
def get_page() -> Response[bytes]:
    """Return the page."""
    return Response((_FILES / "index.html").read_bytes(), media_type=MediaType.HTML, headers=_HEADERS)


@get("/page/settings.json", include_in_schema=False, sync_to_thread=False)
def get_page_settings(settings: NamedDependency[Settings]) -> dict[str, Any]:
    """Return what the page has to know of the settings."""
    return {"trace_url": settings.trace_url or None, "max_upload_bytes": settings.max_upload_bytes}


def make_page_routes() -> list[Any]:
    """Return the page's routes."""
    files: Router = create_static_files_router("/page/files", [_FILES], name="page", include_in_schema=False)
    return [get_page, get_page_settings, files]
