"""The public surface in typical use; it only has to type-check."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

from litestar import Litestar, get
from redis.asyncio import Redis

from litestar_saq import (
    OPENTELEMETRY_INSTALLED,
    CronJob,
    Job,
    PostgresQueueOptions,
    QueueConfig,
    RedisQueueOptions,
    SAQConfig,
    SAQPlugin,
    TaskQueues,
    Worker,
    after_process_logger,
    before_process_logger,
    monitored_job,
    shutdown_logger,
    startup_logger,
    timing_after_process,
    timing_before_process,
)
from litestar_saq.exceptions import (
    FieldError,
    ImproperConfigurationError,
    LitestarSaqError,
    MissingDependencyError,
    UnknownQueueError,
)
from litestar_saq.testing import InMemoryQueue, assert_enqueued, assert_not_enqueued, run_until_empty

if TYPE_CHECKING:
    from saq.queue.base import Queue
    from saq.types import Context


async def plain(_ctx: Context, *, a: int) -> int:
    return a


def threaded(_ctx: Context, *, text: str) -> str:
    return text


@monitored_job()
async def monitored(_ctx: Context, a: int) -> str:
    return str(a)


@monitored_job(interval=30.0)
def monitored_in_thread(_ctx: Context, a: int) -> str:
    return str(a)


async def loose(ctx: dict[str, Any]) -> None:
    queues: TaskQueues = ctx["task_queues"]
    await queues.get("mails").enqueue("plain", a=1)


async def hook(_ctx: Context) -> None: ...


def threaded_hook(_ctx: Context) -> None: ...


redis_options: RedisQueueOptions = {"max_concurrent_ops": 10}
postgres_options: PostgresQueueOptions = {"jobs_table": "jobs", "priorities": (0, 9)}

configs = [
    QueueConfig(
        dsn="redis://localhost",
        name="samples",
        id="worker",
        concurrency=5,
        broker_options=redis_options,
        broker_instance_options={"max_connections": 10},
        tasks=[plain, threaded, monitored, loose, ("named", plain), "package.module.task"],
        scheduled_tasks=[CronJob(plain, "* * * * *", kwargs={"a": 1}), CronJob(function="package.task", cron="@daily")],
        cron_tz=UTC,
        startup=hook,
        shutdown=[hook, threaded_hook, "package.module.hook", shutdown_logger],
        before_process=[before_process_logger, timing_before_process],
        after_process=(after_process_logger, timing_after_process),
        timers={"schedule": 1, "sweep": 30},
        dequeue_timeout=1.0,
        burst=True,
        max_burst_jobs=3,
        metadata={"region": "eu"},
        separate_process=False,
        multiprocessing_mode="threading",
        shutdown_grace_period_s=30,
        cancellation_hard_deadline_s=2.0,
        poll_interval=0.5,
    ),
    QueueConfig(dsn="postgresql://localhost/db", name="postgres", broker_options=postgres_options, startup="a.b"),
    QueueConfig(broker_instance=Redis(), name="mine", startup=[startup_logger]),
]
config = SAQConfig(
    queue_configs=configs,
    queues_dependency_key="queues",
    worker_processes=2,
    static_files=Path("static"),
    web_enabled=True,
    web_guards=[],
    enable_otel=OPENTELEMETRY_INSTALLED,
)
lazy_config = SAQConfig(queue_configs=lambda: configs, queue_instances={"mine": InMemoryQueue("mine")})
plugin = SAQPlugin(config=config)


@get("/")
async def handler(task_queues: TaskQueues) -> dict[str, Any]:
    queue = task_queues.get("samples")
    job = await queue.enqueue("plain", a=1)
    info = await queue.info(jobs=True)
    return {"key": job and job.key, "queued": info["queued"]}


app = Litestar([handler], plugins=[plugin])


async def use(ctx: Context) -> None:
    assert_type(plugin.get_queues(), TaskQueues)
    queue: Queue = plugin.get_queue("samples")
    assert_type(await monitored(ctx, 1), str)
    assert_type(await monitored_in_thread(ctx, a=1), str)
    job = Job("plain", kwargs={"a": 1}, key="k", timeout=60, heartbeat=5, retries=3)
    await queue.enqueue(job)
    await job.update(progress=0.5)
    await queue.apply("plain", a=1)
    await queue.map("plain", [{"a": 1}, {"a": 2}])
    worker = Worker(queue, [plain, ("named", threaded)], concurrency=2, startup=[hook], metadata={"a": 1})
    await worker.start()
    for one in (startup_logger, shutdown_logger, timing_before_process, timing_after_process):
        await one(ctx)


async def tests() -> None:
    queue = InMemoryQueue()
    await queue.enqueue("plain", a=1)
    job = assert_enqueued(queue, plain, a=1)
    assert_type(job, Job)
    assert_not_enqueued(queue, "other")
    assert_type(await run_until_empty(queue, [plain, ("named", threaded)], timeout_s=5), list[Job])


def errors(name: str) -> str:
    try:
        return plugin.get_queue(name).name
    except UnknownQueueError as error:
        return ", ".join(error.known)
    except FieldError as error:
        return f"{error.owner}.{error.field}"
    except MissingDependencyError as error:
        return error.needed_extra
    except (ImproperConfigurationError, LitestarSaqError) as error:
        return str(error)
