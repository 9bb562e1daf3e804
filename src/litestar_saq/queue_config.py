"""What is set for one queue and its worker."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from saq.job import CronJob as SaqCronJob

from litestar_saq._checks import Fields
from litestar_saq.brokers.dsn import mask_dsn
from litestar_saq.brokers.kinds import BrokerKind, check_name, kind_of_dsn, kind_of_instance
from litestar_saq.brokers.options import PostgresQueueOptions, RedisQueueOptions, check_options
from litestar_saq.jobs import function_name, load_function

if TYPE_CHECKING:
    from litestar_saq.jobs import CronJob
    from litestar_saq.typing import Hook, Redact, Task

__all__ = ("PostgresQueueOptions", "QueueConfig", "RedisQueueOptions")

_TIMERS = {"abort", "schedule", "sweep", "worker_info", "stats"}
_JOB_DEFAULTS = {"timeout", "heartbeat", "retries", "ttl", "retry_delay", "retry_backoff"}
_MODES = ("multiprocessing", "threading")
_HOOKS = ("startup", "shutdown", "before_process", "after_process")


@dataclass(kw_only=True)
class QueueConfig:
    """A queue, and the worker that runs its jobs.

    Raises:
        FieldError: where a value is not accepted; it names the field, the value and what is.
        MissingDependencyError: where the broker's package is not installed; it names the extra.
    """

    dsn: str | None = None
    """Where the broker is: `redis://`, `rediss://`, `unix://`, `redis+sentinel://host,host/service`,
    `redis+cluster://host,host` (a `name` with a part in braces), both as `rediss+…` too, `postgresql://`, `http://`,
    `https://` or `embedded://[folder]`. Either this or `broker_instance`."""
    broker_instance: Any = None
    """A `redis.asyncio.Redis`, a `psycopg_pool.AsyncConnectionPool`, or a queue of SAQ's, instead of `dsn`."""
    id: str | None = None
    """The worker's id; None makes one."""
    name: str = "default"
    """The queue's name."""
    concurrency: int = 10
    """How many jobs run at once in each worker."""
    broker_options: RedisQueueOptions | PostgresQueueOptions | dict[str, Any] = field(default_factory=dict)
    """Options of the queue's class."""
    broker_instance_options: dict[str, Any] = field(default_factory=dict)
    """Options of the client, pool or HTTP session that is made from `dsn`."""
    tasks: Collection[Task | tuple[str, Task] | str] = field(default_factory=list)
    """What the worker can run: functions, pairs of a name and a function, or import paths."""
    scheduled_tasks: Collection[CronJob] = field(default_factory=list)
    """Cron jobs; their functions need not be in `tasks`."""
    cron_tz: tzinfo = UTC
    """The time zone of cron expressions."""
    startup: Hook | str | Collection[Hook | str] | None = None
    """Called once in the worker's process before its first job."""
    shutdown: Hook | str | Collection[Hook | str] | None = None
    """Called once in the worker's process after its last job."""
    before_process: Hook | str | Collection[Hook | str] | None = None
    """Called in the worker before each job."""
    after_process: Hook | str | Collection[Hook | str] | None = None
    """Called in the worker after each job, whatever its outcome."""
    timers: Mapping[str, float] | None = None
    """Seconds between the worker's upkeep: `schedule` (1), `worker_info` (10), `sweep` (60), `abort` (1)."""
    dequeue_timeout: float = 0
    """Seconds to wait for a job; 0 waits for ever. In burst mode, how long the queue must be empty."""
    burst: bool = False
    """Whether the worker ends when no job is left."""
    max_burst_jobs: int | None = None
    """The most jobs of a burst; None has no limit."""
    metadata: dict[str, Any] | None = None
    """What the worker tells about itself in `info()` and on the page."""
    separate_process: bool = True
    """Whether the worker has a process of its own; False runs it in the application's event loop."""
    multiprocessing_mode: Literal["multiprocessing", "threading"] = "multiprocessing"
    """A process for each worker, or one process for all workers of this mode, in a thread and loop each."""
    shutdown_grace_period_s: int | None = None
    """Seconds that running jobs get to finish at the end; None cancels them at once. An idle worker never waits."""
    cancellation_hard_deadline_s: float | None = None
    """Seconds that a cancelled job gets to end; None is SAQ's 1.0."""
    poll_interval: float | None = None
    """Seconds between looks for jobs on Postgres, instead of listening; None listens."""

    job_defaults: Mapping[str, Any] = field(default_factory=dict)
    """What is set of a job that is enqueued by its function's name, where that is not said: `timeout` (SAQ: 10 s),
    `heartbeat`, `retries` (1), `ttl` (600 s), `retry_delay`, `retry_backoff`."""
    max_job_bytes: int = 16 * 1024 * 1024
    """How many bytes a job may take that is enqueued; not of a queue of a class of your own."""
    redact: Redact = False
    """What the page does not show of jobs: True hides arguments, result, error and metadata; names hide what is under
    them in these, however deep; a function takes a mapping of the four and returns what is shown of them. Logs, spans
    and `repr` never have them."""
    on_worker_loss: Literal["retry", "abort"] = "retry"
    """What becomes of a job whose worker has died; a job's `meta` may say so for itself (`on_worker_loss`)."""
    max_worker_losses: int = 3
    """How many workers may die while they have a job; then it is given up, as one that kills them."""
    lease_s: float = 10.0
    """How long a worker counts as living after its last sign of life, in seconds; its jobs are back within one and a
    half times that (Redis, Postgres)."""

    def __post_init__(self) -> None:
        self._check_broker()
        self._check_worker()
        self.tasks = [self._named_task(task) for task in Fields(self).collection("tasks")]
        for task in Fields(self).collection("scheduled_tasks"):
            if not isinstance(task, SaqCronJob):
                raise Fields(self).refuse("scheduled_tasks", "a collection of CronJob", value=task)
        self._check_names()
        for hook in _HOOKS:
            setattr(self, hook, self._hooks(hook))

    def __repr__(self) -> str:
        broker = f"dsn={mask_dsn(self.dsn)!r}" if self.dsn else f"broker_instance={type(self.broker_instance).__name__}"
        return f"{type(self).__name__}(name={self.name!r}, {broker}, concurrency={self.concurrency})"

    @property
    def broker_type(self) -> BrokerKind:
        """Which broker this is: redis, postgres, http, embedded, or queue for a queue of the user's own."""
        return kind_of_instance(self.broker_instance) if self.dsn is None else kind_of_dsn(self.dsn)

    def _check_broker(self) -> None:
        fields = Fields(self)
        fields.text("name")
        fields.text("id", optional=True)
        if (self.dsn is None) == (self.broker_instance is None):
            given = "both" if self.dsn is not None else "neither"
            raise fields.refuse("dsn", "give either `dsn` or `broker_instance`", value=given)
        if self.dsn is not None and not isinstance(self.dsn, str):
            raise fields.refuse("dsn", "a URL as text", value=type(self.dsn).__name__)
        check_options(fields, self.broker_type)
        if self.dsn is not None:
            check_name(self.dsn, self.name)
        fields.mapping("broker_instance_options")

    def _check_worker(self) -> None:
        fields = Fields(self)
        fields.whole("concurrency", least=1)
        fields.whole("max_burst_jobs", least=1, optional=True)
        fields.number("dequeue_timeout", least=0)
        fields.number("shutdown_grace_period_s", least=0, optional=True)
        fields.number("cancellation_hard_deadline_s", least=0, above=True, optional=True)
        fields.number("poll_interval", least=0, optional=True)
        fields.flag("burst")
        fields.flag("separate_process")
        fields.one_of("multiprocessing_mode", _MODES)
        fields.mapping("job_defaults", keys=_JOB_DEFAULTS)
        for name, value in self.job_defaults.items():
            boolean = isinstance(value, bool)
            if name == "retry_backoff" and boolean:
                continue
            if (
                boolean
                or not isinstance(value, int | float)
                or not -1 <= value < math.inf
                or (value < 0 and name != "ttl")
            ):
                raise fields.refuse("job_defaults", "numbers of at least 0 (`ttl`: -1)", value=f"{name}={value!r}")
        fields.whole("max_job_bytes", least=1)
        if not isinstance(self.redact, bool) and not callable(self.redact):
            names = fields.collection("redact")
            if not all(isinstance(name, str) for name in names):
                raise fields.refuse("redact", "True, False, a collection of names or a function")
            self.redact = frozenset(names)
        fields.one_of("on_worker_loss", ("retry", "abort"))
        fields.whole("max_worker_losses", least=1)
        fields.number("lease_s", least=1)
        fields.mapping("metadata", optional=True)
        fields.mapping("timers", keys=_TIMERS, optional=True)
        if not isinstance(self.cron_tz, tzinfo):
            raise fields.refuse("cron_tz", "a tzinfo such as zoneinfo.ZoneInfo('Europe/Berlin')")
        for name, seconds in (self.timers or {}).items():
            if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
                raise fields.refuse("timers", "seconds above 0", value=f"{name}={seconds!r}")
        if self.burst and self.dequeue_timeout <= 0:
            raise fields.refuse("dequeue_timeout", "a number above 0 where `burst` is on")

    def _named_task(self, task: Any) -> Task | tuple[str, Task]:
        owner = type(self).__name__
        if not isinstance(task, tuple):
            return load_function(owner, "tasks", task)
        if len(task) != 2 or not isinstance(task[0], str) or not task[0]:  # noqa: PLR2004 - a pair
            raise Fields(self).refuse("tasks", "a function, its import path, or a pair (name, function)", value=task)
        return task[0], load_function(owner, "tasks", task[1])

    def _check_names(self) -> None:
        """Refuse two functions of one name: which of them a job gets would be chance."""
        functions: dict[str, Any] = {}
        for task in [*self.tasks, *(cron.function for cron in self.scheduled_tasks)]:
            name, function = task if isinstance(task, tuple) else (function_name(task), task)
            if functions.setdefault(name, function) != function:
                raise Fields(self).refuse("tasks", "each name once, in `scheduled_tasks` too", value=name)

    def _hooks(self, name: str) -> list[Hook]:
        value: Any = getattr(self, name)
        if value is None:
            return []
        many: list[Any] = [value]
        if isinstance(value, Collection) and not isinstance(value, str | Mapping):
            many = list(value)
        return [load_function(type(self).__name__, name, hook) for hook in many]

    @property
    def task_names(self) -> list[str]:
        """The names of what the worker can run, cron jobs included."""
        tasks = [task[0] if isinstance(task, tuple) else function_name(task) for task in self.tasks]
        return sorted({*tasks, *(function_name(cron.function) for cron in self.scheduled_tasks)})
