"""The API of SAQ's page: queues, jobs, and what can be done to them."""

# Litestar reads the handlers' annotations at run time, so what they name is imported.
import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

from litestar import MediaType, Response, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.status_codes import (
    HTTP_202_ACCEPTED,
    HTTP_409_CONFLICT,
    HTTP_500_INTERNAL_SERVER_ERROR,
    HTTP_503_SERVICE_UNAVAILABLE,
)
from saq.job import TERMINAL_STATUSES, Job, Status
from saq.queue.base import Queue

from litestar_saq.brokers.base import broker_of, redact_of
from litestar_saq.queues import TaskQueues
from litestar_saq.web._params import FromPath, NamedDependency
from litestar_saq.web.views import show_job, show_queue

__all__ = ("HANDLERS", "QUEUES_KEY", "find_job")

T = TypeVar("T")

logger = logging.getLogger(__name__)

QUEUES_KEY = "saq_web_queues"
"""The name of the handlers' dependency, which no application has."""
_HEALTH_TIMEOUT_S = 5.0
_JOB_PATH = "/api/queues/{queue_id:str}/jobs/{job_id:str}"


@get("/api/queues", operation_id="WorkerQueueList", name="worker:queue-list", summary="Queue List", cache=False)
async def list_queues(saq_web_queues: NamedDependency[TaskQueues]) -> dict[str, Any]:
    """List the queues: how many jobs they hold, and their workers."""
    queues = saq_web_queues.queues.values()
    return {"queues": [show_queue(dict(await _ask(queue, queue.info())), redact_of(queue)) for queue in queues]}


@get(
    "/api/queues/{queue_id:str}",
    operation_id="WorkerQueueDetail",
    name="worker:queue-detail",
    summary="Queue Detail",
    cache=False,
    raises=[NotFoundException],
)
async def get_queue(saq_web_queues: NamedDependency[TaskQueues], queue_id: FromPath[str]) -> dict[str, Any]:
    """Show a queue and its first incomplete jobs."""
    queue = find_queue(saq_web_queues, queue_id)
    return {"queue": show_queue(dict(await _ask(queue, queue.info(jobs=True))), redact_of(queue))}


@get(
    _JOB_PATH,
    operation_id="WorkerJobDetail",
    name="worker:job-detail",
    summary="Job Details",
    cache=False,
    raises=[NotFoundException],
)
async def get_job(
    saq_web_queues: NamedDependency[TaskQueues], queue_id: FromPath[str], job_id: FromPath[str]
) -> dict[str, Any]:
    """Show a job."""
    queue = find_queue(saq_web_queues, queue_id)
    job = await find_job(queue, job_id)
    return {"job": show_job(job.to_dict(), redact_of(queue))}


@post(
    f"{_JOB_PATH}/retry",
    operation_id="WorkerJobRetry",
    name="worker:job-retry",
    summary="Job Retry",
    status_code=HTTP_202_ACCEPTED,
    raises=[NotFoundException],
)
async def retry_job(
    saq_web_queues: NamedDependency[TaskQueues], queue_id: FromPath[str], job_id: FromPath[str]
) -> dict[str, Any]:
    """Queue a job again that has come to its end, or whose abort nobody answers."""
    queue = find_queue(saq_web_queues, queue_id)
    job = await find_job(queue, job_id)
    # SAQ would put a job that it has into the queue a second time.
    if job.status not in TERMINAL_STATUSES and not (job.status == Status.ABORTING and job.stuck):
        raise _conflict(job, "only a job that is complete, failed or aborted can be retried")
    await _ask(queue, job.retry("retried from ui"))
    return {}


@post(
    f"{_JOB_PATH}/abort",
    operation_id="WorkerJobAbort",
    name="worker:job-abort",
    summary="Job Abort",
    status_code=HTTP_202_ACCEPTED,
    raises=[NotFoundException],
)
async def abort_job(
    saq_web_queues: NamedDependency[TaskQueues], queue_id: FromPath[str], job_id: FromPath[str]
) -> dict[str, Any]:
    """Abort a job that waits or runs."""
    queue = find_queue(saq_web_queues, queue_id)
    job = await find_job(queue, job_id)
    if job.status in TERMINAL_STATUSES:
        raise _conflict(job, "only a job that waits or runs can be aborted")
    await _ask(queue, job.abort("aborted from ui"))
    return {}


@get(
    "/health",
    operation_id="WorkerHealthCheck",
    name="worker:health",
    summary="Health Check",
    media_type=MediaType.TEXT,
    cache=False,
)
async def check_health(saq_web_queues: NamedDependency[TaskQueues]) -> Response[str]:
    """Tell whether every queue's broker answers."""
    if await _all_answer(saq_web_queues.queues):
        return Response("OK", media_type=MediaType.TEXT)
    return Response("Service Unavailable", media_type=MediaType.TEXT, status_code=HTTP_500_INTERNAL_SERVER_ERROR)


HANDLERS = (list_queues, get_queue, get_job, retry_job, abort_job, check_health)


def find_queue(queues: TaskQueues, name: str) -> Queue:
    """Return a queue.

    Raises:
        NotFoundException: where none has that name.
    """
    if (queue := queues.queues.get(name)) is None:
        known = ", ".join(sorted(queues.queues)) or "none"
        raise NotFoundException(f"no queue is named {name!r}; configured queues: {known}")
    return queue


async def find_job(queue: Queue, key: str) -> Job:
    """Return a job, by its key or by its key in percent-encoding.

    A key with a slash in it can't be a part of a path, as servers decode the path before it
    is routed; so the page encodes such a key twice, and one encoding is left of it here.

    Raises:
        NotFoundException: where there is none.
    """
    for candidate in dict.fromkeys((key, unquote(key))):
        if job := await _ask(queue, queue.job(candidate)):
            return job
    raise NotFoundException(f"queue {queue.name!r} has no job {key!r}; it may have expired")


async def _ask(queue: Queue, question: Awaitable[T]) -> T:
    try:
        return await question
    except broker_of(queue).unreachable as error:
        logger.warning("queue %r can't be reached: %s", queue.name, type(error).__name__)
        raise HTTPException(
            f"the broker of queue {queue.name!r} can't be reached", status_code=HTTP_503_SERVICE_UNAVAILABLE
        ) from error


async def _all_answer(queues: Mapping[str, Queue]) -> bool:
    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            await asyncio.gather(*(queue.info() for queue in queues.values()))
    except Exception as error:  # noqa: BLE001 - whatever a broker raises, it is not healthy
        logger.warning("a queue's broker does not answer: %s", type(error).__name__)
        return False
    return bool(queues)


def _conflict(job: Job, accepted: str) -> HTTPException:
    return HTTPException(f"job {job.key!r} is {job.status.value}: {accepted}", status_code=HTTP_409_CONFLICT)
