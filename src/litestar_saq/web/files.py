"""The page's scripts and styles."""

# Litestar reads the handler's annotations at run time, so what they name is imported.
import asyncio
import gzip
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.static_files import create_static_files_router

__all__ = ("build_files",)

_OWN = Path(__file__).parent / "static"
_PACKED = ("pico.min.css", "snabbdom.js")
_OPTIONS: dict[str, Any] = {"opt": {"exclude_from_auth": True}, "include_in_schema": False}


def build_files(path: str, folder: Path) -> list[Router | HTTPRouteHandler]:
    """Make the handlers of the page's files, which no authentication middleware asks about.

    Args:
        path: where they are.
        folder: SAQ's files.
    """

    # An application that compresses its responses packs a packed file once more, and a browser
    # unpacks it once. So the page asks for these files unpacked.
    @get([f"{path}/{name}" for name in _PACKED], name="saq:unpacked", **_OPTIONS)
    async def unpacked(request: Request[Any, Any, Any]) -> Response[bytes]:
        name = str(request.url.path).rpartition("/")[2]
        return Response(await asyncio.to_thread(_read, folder / name), media_type=guess_type(name)[0])

    return [
        create_static_files_router(path=path, directories=[folder, _OWN], name="saq", html_mode=False, **_OPTIONS),
        unpacked,
    ]


def _read(file: Path) -> bytes:
    if file.is_file():
        return file.read_bytes()
    packed = file.with_name(f"{file.name}.gz")
    if not packed.is_file():
        raise NotFoundException(f"there is no file {file.name!r}")
    return gzip.decompress(packed.read_bytes())
