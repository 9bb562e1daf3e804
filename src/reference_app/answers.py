"""What the API says when it can't do what it is asked: JSON with a sentence and the status, never a stack trace."""

from __future__ import annotations

import logging
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_400_BAD_REQUEST, HTTP_500_INTERNAL_SERVER_ERROR, HTTP_503_SERVICE_UNAVAILABLE
from redis.exceptions import RedisError

from reference_app.reading import BadFileError

__all__ = ("EXCEPTION_HANDLERS",)

logger = logging.getLogger(__name__)

_BROKER_DOWN = "The broker does not answer at the moment; try again in a while."
_OUR_FAULT = "Something went wrong on the server; it is in the server's log."


def _answer(sentence: str, status_code: int) -> Response[dict[str, Any]]:
    return Response(
        {"detail": sentence, "status_code": status_code}, status_code=status_code, media_type=MediaType.JSON
    )


def _refuse(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    if error.status_code >= HTTP_500_INTERNAL_SERVER_ERROR and error.status_code != HTTP_503_SERVICE_UNAVAILABLE:
        logger.error("a request failed", exc_info=error)
        return _answer(_OUR_FAULT, error.status_code)
    response = _answer(_sentence(error), error.status_code)
    response.headers.update(error.headers or {})
    return response


def _refuse_file(_: Request[Any, Any, Any], error: BadFileError) -> Response[dict[str, Any]]:
    return _answer(str(error), HTTP_400_BAD_REQUEST)


def _tell_broker_down(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    logger.warning("the broker does not answer: %s", type(error).__name__)
    return _answer(_BROKER_DOWN, HTTP_503_SERVICE_UNAVAILABLE)


def _apologise(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    logger.error("a request failed", exc_info=error)
    return _answer(_OUR_FAULT, HTTP_500_INTERNAL_SERVER_ERROR)


def _sentence(error: HTTPException) -> str:
    sentence = error.detail.strip() or "The request is not understood"
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: _refuse,
    BadFileError: _refuse_file,
    RedisError: _tell_broker_down,
    TimeoutError: _tell_broker_down,
    ConnectionError: _tell_broker_down,
    Exception: _apologise,
}
"""By exception; only the store and the queues raise redis' errors, time-outs and lost connections."""
