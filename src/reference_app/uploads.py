"""How an upload is taken from a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException, HTTPException
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.status_codes import (
    HTTP_400_BAD_REQUEST,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    HTTP_415_UNSUPPORTED_MEDIA_TYPE,
)

if TYPE_CHECKING:
    from litestar import Request

__all__ = ("FORM_BYTES", "UploadOperation", "read_upload")

FORM_BYTES = 64 * 1024
"""How much a form may have beside its file."""

_FIELD = "file"
_CSV = {"text/csv", "application/csv"}
_FORM = "multipart/form-data"


async def read_upload(request: Request[Any, Any, Any], max_bytes: int) -> bytes:
    """Return the file of a request: the field `file` of a form, or the body.

    Args:
        request: the request.
        max_bytes: the largest file that is taken.

    Raises:
        HTTPException: with a sentence for the client, where there is no file or it is too large.
    """
    content_type = request.content_type[0]
    if content_type not in {_FORM, *_CSV}:
        raise HTTPException(
            f"Send a CSV file in the field {_FIELD!r} of a form ({_FORM}), or as the body with the type text/csv;"
            f" the type here is {content_type or 'missing'!r}.",
            status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        data = await (_read_form(request) if content_type == _FORM else request.body())
    except ClientException as error:
        if error.status_code != HTTP_413_REQUEST_ENTITY_TOO_LARGE:
            raise
        data = None
    if data is None or len(data) > max_bytes:
        raise HTTPException(
            f"The file is larger than the {max_bytes} bytes that are taken (MAX_UPLOAD_BYTES).",
            status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE,
        )
    return data


async def _read_form(request: Request[Any, Any, Any]) -> bytes:
    try:
        file = (await request.form()).get(_FIELD)
    except UnicodeDecodeError:
        raise HTTPException("A field of the form is not text.", status_code=HTTP_400_BAD_REQUEST) from None
    if isinstance(file, UploadFile):
        return await file.read()
    if not file:
        raise HTTPException(f"The form has no file in the field {_FIELD!r}.", status_code=HTTP_400_BAD_REQUEST)
    return str(file).encode()


@dataclass
class UploadOperation(Operation):
    """The operation in the OpenAPI document, with the two kinds of body that `read_upload` takes."""

    def __post_init__(self) -> None:
        """Describe the body."""
        file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="A CSV file.")
        form = Schema(type=OpenAPIType.OBJECT, properties={_FIELD: file}, required=[_FIELD])
        text = Schema(type=OpenAPIType.STRING, description="The text of a CSV file.")
        self.request_body = RequestBody(
            required=True,
            content={_FORM: OpenAPIMediaType(schema=form), "text/csv": OpenAPIMediaType(schema=text)},
        )
