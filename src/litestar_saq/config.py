"""What is set for the plugin."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar.serialization import decode_json, encode_json
from saq.queue.base import Queue

from litestar_saq._checks import Fields
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.exceptions import MissingDependencyError
from litestar_saq.queue_config import PostgresQueueOptions, QueueConfig, RedisQueueOptions
from litestar_saq.queues import TaskQueues, current_queues
from litestar_saq.telemetry import OtelOptions
from litestar_saq.typing import OPENTELEMETRY_INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import Guard
    from saq.types import DumpType, LoadType

    from litestar_saq.telemetry.setup import OtelSetup

__all__ = ("PostgresQueueOptions", "QueueConfig", "RedisQueueOptions", "SAQConfig", "TaskQueues", "serializer")


_SETUP_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def serializer(value: Any) -> str:
    """Return a value as JSON text, by Litestar's encoder."""
    return encode_json(value).decode("utf-8")


def _saq_static_files() -> Path:
    spec = find_spec("saq")
    return Path(str(spec and spec.origin)).parent / "web" / "static"


@dataclass(kw_only=True)
class SAQConfig:
    """The plugin's configuration.

    Raises:
        FieldError: where a value is not accepted; it names the field, the value and what is.
        MissingDependencyError: where `enable_otel=True` and OpenTelemetry is not installed.
    """

    queue_configs: Collection[QueueConfig] | Callable[[], Collection[QueueConfig]] = field(default_factory=list)
    """The queues, or a function that returns them; it is called once, when they are first needed."""
    queue_instances: Mapping[str, Queue] | None = None
    """Queues that are used as they are, by name, instead of those made from `queue_configs`."""
    queues_dependency_key: str = "task_queues"
    """The name under which handlers get the `TaskQueues`."""
    worker_processes: int = 1
    """How many worker processes each queue has, where the command line says nothing else."""
    json_deserializer: LoadType = decode_json
    """Reads jobs."""
    json_serializer: DumpType = serializer
    """Writes jobs."""
    static_files: Path = field(default_factory=_saq_static_files)
    """The folder of the page's scripts and styles."""
    web_enabled: bool = False
    """Whether SAQ's page is served."""
    web_path: str = "/saq"
    """The path of the page."""
    web_guards: list[Guard] | None = None
    """Guards of the page and its API. None: whoever reaches them can see jobs, and change nothing but in debug mode, as
    the log says. An empty list: anyone may do anything."""
    web_include_in_schema: bool = False
    """Whether the page's API is in the OpenAPI schema."""
    use_server_lifespan: bool = False
    """Whether `litestar run` runs the workers too."""
    enable_otel: bool | None = None
    """Traces of jobs. None: on where OpenTelemetry is installed and Litestar's OpenTelemetryPlugin is active."""
    otel_tracer_name: str = "litestar_saq"
    """The name of the tracer and of the meter."""
    otel_options: OtelOptions | None = None
    """The finer options of telemetry. None: their defaults."""
    otel_setup: OtelSetup | str | None = None
    """Sets up OpenTelemetry's SDK: a function, or its import path `package.module:function`. It is called once in each
    process that runs workers, before they start, with the names of their queues where it takes an argument, and in the
    server with none. Providers made at import would not work in a process that was forked from it."""
    health_dir: Path | str | None = None
    """The folder in which each worker keeps a file that tells that it lives, for `python -m litestar_saq.health`. It
    must be of this machine or container alone. None: none does."""

    def __post_init__(self) -> None:
        self._queue_configs: list[QueueConfig] | None = None
        self._queues: TaskQueues | None = None
        fields = Fields(self)
        if not isinstance(self.queues_dependency_key, str) or not self.queues_dependency_key.isidentifier():
            raise fields.refuse("queues_dependency_key", "a name that a parameter can have")
        fields.whole("worker_processes", least=1)
        for flag in ("web_enabled", "web_include_in_schema", "use_server_lifespan"):
            fields.flag(flag)
        self._check_otel(fields)
        fields.function("json_serializer")
        fields.function("json_deserializer")
        if not isinstance(self.web_path, str) or not self.web_path.startswith("/"):
            raise fields.refuse("web_path", "a path that begins with '/'")
        if not isinstance(self.static_files, str | Path):
            raise fields.refuse("static_files", "the path of a folder")
        if self.health_dir is not None and (not isinstance(self.health_dir, str | Path) or not str(self.health_dir)):
            raise fields.refuse("health_dir", "the path of a folder, or None")
        if self.web_guards is not None and not all(callable(guard) for guard in fields.collection("web_guards")):
            raise fields.refuse("web_guards", "a list of guards, or None")
        if not callable(self.queue_configs):
            self._queue_configs = self._checked(self.queue_configs)
        self._check_instances()

    def get_queue_configs(self) -> list[QueueConfig]:
        """Return the configured queues; the first call asks `queue_configs` where it is a function.

        Raises:
            FieldError: where it is no collection of QueueConfig, or a name is there twice.
        """
        if self._queue_configs is None:
            made = self.queue_configs() if callable(self.queue_configs) else self.queue_configs
            self._queue_configs = self._checked(made)
        return self._queue_configs

    def get_queues(self) -> TaskQueues:
        """Return the queues, which are made at the first call and the same ever after.

        In a worker that runs in a thread these are that worker's own.
        """
        if (own := current_queues.get()) is not None:
            return own
        if self._queues is None:
            self._queues = self.make_queues()
        return self._queues

    def make_queues(self) -> TaskQueues:
        """Make the queues anew; a queue belongs to one event loop."""
        if self.queue_instances is not None:
            return TaskQueues(queues=dict(self.queue_instances))
        configs = self.get_queue_configs()
        return TaskQueues(
            queues={c.name: build_queue(c, self.json_serializer, self.json_deserializer) for c in configs}
        )

    def _checked(self, given: Any) -> list[QueueConfig]:
        fields, names = Fields(self), set[str]()
        if not isinstance(given, Collection) or isinstance(given, str | Mapping):
            raise fields.refuse("queue_configs", "a collection of QueueConfig", value=type(given).__name__)
        configs = list(given)
        for config in configs:
            if not isinstance(config, QueueConfig):
                raise fields.refuse("queue_configs", "a collection of QueueConfig", value=type(config).__name__)
            if config.name in names:
                raise fields.refuse("queue_configs", "each name once", value=config.name)
            names.add(config.name)
        return configs

    def _check_otel(self, fields: Fields) -> None:
        fields.flag("enable_otel", optional=True)
        fields.text("otel_tracer_name")
        if self.enable_otel and not OPENTELEMETRY_INSTALLED:
            raise MissingDependencyError("opentelemetry-api", extra="otel")
        if self.otel_options is not None and not isinstance(self.otel_options, OtelOptions):
            raise fields.refuse("otel_options", "an OtelOptions, or None", value=type(self.otel_options).__name__)
        if isinstance(self.otel_setup, str):
            if not _SETUP_PATH.fullmatch(self.otel_setup):
                raise fields.refuse("otel_setup", "a function, or its import path 'package.module:function'")
        elif self.otel_setup is not None:
            fields.function("otel_setup")

    def _check_instances(self) -> None:
        Fields(self).mapping("queue_instances", optional=True)
        for name, queue in (self.queue_instances or {}).items():
            if not isinstance(queue, Queue):
                raise Fields(self).refuse("queue_instances", "queues of SAQ's by name", value=f"{name}={type(queue)}")
