"""The API: reports, and whether the service is well."""

# Litestar reads the annotations at run time: no `from __future__ import annotations` here.
import asyncio
import re
from typing import Annotated, Any
from uuid import uuid4

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import PathParameter
from litestar.response import ServerSentEvent
from litestar.status_codes import HTTP_202_ACCEPTED, HTTP_503_SERVICE_UNAVAILABLE
from opentelemetry.instrumentation.utils import suppress_instrumentation
from redis.exceptions import RedisError

from litestar_saq import TaskQueues
from reference_app.events import stream_progress
from reference_app.reading import check_file
from reference_app.reports import Report
from reference_app.settings import Settings
from reference_app.steps import enqueue_step, split_step
from reference_app.store import Store
from reference_app.telemetry import current_trace_id
from reference_app.uploads import UploadOperation, read_upload

__all__ = ("ROUTES", "STORE_S")

STORE_S = 20.0
"""How long the store may take to answer a request."""

_ID = re.compile(r"[0-9a-f]{32}")
_SVG_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}

TheQueues = NamedDependency[TaskQueues]
TheSettings = NamedDependency[Settings]
TheStore = NamedDependency[Store]
ReportId = Annotated[str, PathParameter(description="The report's id.")]
ColumnIndex = Annotated[int, PathParameter(description="The column's place in the file, from 0.")]


@post(
    "/reports",
    status_code=HTTP_202_ACCEPTED,
    operation_class=UploadOperation,
    summary="Upload a CSV file",
    description="The report is made by workers: follow the Location, or its events.",
)
async def create_report(
    request: Request[Any, Any, Any], store: TheStore, task_queues: TheQueues, settings: TheSettings
) -> Response[dict[str, Any]]:
    """Check a file, store it, and enqueue the first of its jobs."""
    data = await read_upload(request, settings.max_upload_bytes)
    layout = await asyncio.to_thread(check_file, data, max_columns=settings.max_columns)
    report_id, trace_id = uuid4().hex, current_trace_id()
    async with asyncio.timeout(STORE_S):
        await store.create(report_id, data, layout, trace_id=trace_id, ttl_s=settings.report_ttl_s)
        # Where this fails, the client is told so; a report whose job is lost is seen to by the maintenance.
        await enqueue_step(task_queues, split_step(report_id))
    return Response(
        {"id": report_id, "status": "queued", "trace_id": trace_id},
        status_code=HTTP_202_ACCEPTED,
        headers={"Location": f"/reports/{report_id}"},
    )


@get("/reports/{report_id:str}", summary="A report", cache=False)
async def get_report(store: TheStore, report_id: ReportId) -> dict[str, Any]:
    """Return a report, with the columns that are analysed so far."""
    return (await _find(store, report_id)).as_dict()


@get("/reports/{report_id:str}/events", summary="A report's progress as server-sent events")
async def get_events(request: Request[Any, Any, Any], store: TheStore, report_id: ReportId) -> ServerSentEvent:
    """Stream events `progress`, at last one `complete` or `failed`."""
    report = await _find(store, report_id, columns=False)
    return ServerSentEvent(stream_progress(store, report, request.app))


@get("/reports/{report_id:str}/columns/{index:int}/chart.svg", summary="The chart of a column")
async def get_chart(store: TheStore, report_id: ReportId, index: ColumnIndex) -> Response[bytes]:
    """Return a column's chart, once the column is analysed."""
    await _find(store, report_id, columns=False)
    async with asyncio.timeout(STORE_S):
        chart = await store.get_chart(report_id, index)
    if chart is None:
        raise NotFoundException(f"The report has no chart of a column {index}, or not yet.")
    return Response(chart, media_type="image/svg+xml", headers=_SVG_HEADERS)


@get("/health/live", summary="Whether the process runs")
async def get_live() -> dict[str, str]:
    """Return that it does."""
    return {"status": "live"}


@get("/health/ready", summary="Whether reports can be taken")
async def get_ready(store: TheStore, settings: TheSettings) -> dict[str, str]:
    """Return whether the broker answers."""
    try:
        # Asked every few seconds, and no request that is traced.
        with suppress_instrumentation():
            async with asyncio.timeout(settings.ready_timeout_s):
                await store.ping()
    except (RedisError, OSError) as error:
        late = isinstance(error, TimeoutError)
        reason = f"not within {settings.ready_timeout_s:g} seconds" if late else type(error).__name__
        raise HTTPException(
            f"The broker does not answer: {reason}.", status_code=HTTP_503_SERVICE_UNAVAILABLE
        ) from error
    return {"status": "ready"}


async def _find(store: Store, report_id: str, *, columns: bool = True) -> Report:
    async with asyncio.timeout(STORE_S):
        report = await store.get(report_id, columns=columns) if _ID.fullmatch(report_id) else None
    if report is None:
        raise NotFoundException("There is no report of this id; it may have expired.")
    return report


ROUTES = [create_report, get_report, get_events, get_chart, get_live, get_ready]
