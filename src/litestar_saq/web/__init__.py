"""SAQ's page and the API behind it."""

from __future__ import annotations

from litestar_saq.web.routes import build_web_handlers

__all__ = ("build_web_handlers",)
