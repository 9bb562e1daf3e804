"""The names, fields and defaults that users rely on."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from datetime import UTC
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import saq
from litestar.serialization import decode_json

import litestar_saq
from litestar_saq import (
    CronJob,
    Job,
    PostgresQueueOptions,
    QueueConfig,
    RedisQueueOptions,
    SAQConfig,
    SAQPlugin,
    Worker,
)

EXPORTS = {
    *("CronJob", "Job", "PostgresQueueOptions", "QueueConfig", "RedisQueueOptions", "SAQConfig", "SAQPlugin"),
    *("TaskQueues", "Worker", "after_process_logger", "before_process_logger", "monitored_job", "shutdown_logger"),
    *("startup_logger", "timing_after_process", "timing_before_process", "OPENTELEMETRY_INSTALLED"),
}
NONE_BUT_GIVEN = {"dsn": "redis://localhost"}
SAQ_CONFIG = {
    "queue_configs": [],
    "queue_instances": None,
    "queues_dependency_key": "task_queues",
    "worker_processes": 1,
    "json_deserializer": decode_json,
    "json_serializer": ...,
    "static_files": Path(str(saq.__file__)).parent / "web" / "static",
    "web_enabled": False,
    "web_path": "/saq",
    "web_guards": None,
    "web_include_in_schema": False,
    "use_server_lifespan": False,
    "enable_otel": None,
    "otel_tracer_name": "litestar_saq",
    "otel_options": None,
    "otel_setup": None,
    "health_dir": None,
}
QUEUE_CONFIG = {
    "dsn": ...,
    "broker_instance": None,
    "id": None,
    "name": "default",
    "concurrency": 10,
    "broker_options": {},
    "broker_instance_options": {},
    "tasks": [],
    "scheduled_tasks": [],
    "cron_tz": UTC,
    "startup": [],
    "shutdown": [],
    "before_process": [],
    "after_process": [],
    "timers": None,
    "dequeue_timeout": 0,
    "burst": False,
    "max_burst_jobs": None,
    "metadata": None,
    "separate_process": True,
    "multiprocessing_mode": "multiprocessing",
    "shutdown_grace_period_s": None,
    "cancellation_hard_deadline_s": None,
    "poll_interval": None,
    "job_defaults": {},
    "max_job_bytes": 16 * 1024 * 1024,
    "redact": False,
    "on_worker_loss": "retry",
    "max_worker_losses": 3,
    "lease_s": 10.0,
}
PUBLIC_MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(litestar_saq.__path__, "litestar_saq.")
    if not any(part.startswith("_") for part in name.split("."))
]


async def task(_ctx: Any) -> None: ...


def test_the_exports_are_these_and_sorted() -> None:
    assert set(litestar_saq.__all__) == EXPORTS
    assert isinstance(litestar_saq.__all__, tuple)
    # As the linter sorts them: constants, classes, functions.
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in litestar_saq.__all__]
    assert kinds == sorted(kinds)


def test_nothing_else_is_public_at_the_top() -> None:
    public = {
        name
        for name in dir(litestar_saq)
        if not name.startswith("_") and not isinstance(getattr(litestar_saq, name), ModuleType)
    }
    assert public - {"annotations", "TYPE_CHECKING", "Any", "import_module"} == EXPORTS


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SaqPlugin'"):
        _ = litestar_saq.SaqPlugin


def test_the_walk_finds_the_modules() -> None:
    some = {"litestar_saq.config", "litestar_saq.brokers.redis", "litestar_saq.telemetry.wrappers"}
    assert some <= set(PUBLIC_MODULES)


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_a_public_module_says_what_is_public(name: str) -> None:
    module = importlib.import_module(name)
    names = module.__all__
    assert isinstance(names, tuple)
    assert len(names) == len(set(names))
    assert all(hasattr(module, one) for one in names)
    assert module.__doc__


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_what_is_public_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    for one in module.__all__:
        value = getattr(module, one)
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == name:
            assert inspect.cleandoc(value.__doc__ or ""), f"{name}.{one} has no docstring"


def test_every_export_is_the_same_object_as_in_its_module() -> None:
    for name in EXPORTS:
        value = getattr(litestar_saq, name)
        home = importlib.import_module(getattr(value, "__module__", "litestar_saq.typing"))
        assert getattr(home, name) is value


@pytest.mark.parametrize(
    ("config", "expected"),
    [(SAQConfig(), SAQ_CONFIG), (QueueConfig(dsn="redis://localhost"), QUEUE_CONFIG)],
    ids=["SAQConfig", "QueueConfig"],
)
def test_fields_and_defaults_are_these(config: Any, expected: dict[str, Any]) -> None:
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    assert set(fields) == set(expected)
    assert {name: value for name, value in fields.items() if expected[name] is not ...} == {
        name: value for name, value in expected.items() if value is not ...
    }


def test_the_default_dsn_is_none() -> None:
    [dsn] = [field for field in dataclasses.fields(QueueConfig) if field.name == "dsn"]
    assert dsn.default is None


def test_the_default_serializer_writes_litestars_json() -> None:
    assert SAQConfig().json_serializer({"ü": [1, None]}) == '{"ü":[1,null]}'


@pytest.mark.parametrize("config", [SAQConfig, QueueConfig])
def test_configurations_take_keywords_only(config: type) -> None:
    parameters = inspect.signature(config).parameters.values()
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_the_options_of_a_queue_are_those_of_0_8() -> None:
    assert set(RedisQueueOptions.__annotations__) == {"max_concurrent_ops", "swept_error_message"}
    assert set(PostgresQueueOptions.__annotations__) == {
        *("versions_table", "jobs_table", "stats_table", "min_size", "max_size", "saq_lock_keyspace", "priorities"),
        *("swept_error_message", "manage_pool_lifecycle"),
    }


def test_the_options_of_a_cron_job_are_those_of_0_8() -> None:
    assert set(inspect.signature(CronJob).parameters) == {
        *("function", "cron", "unique", "timeout", "heartbeat", "retries", "ttl", "kwargs", "meta"),
    }
    assert CronJob(task, "* * * * *").meta == {}


def test_a_job_has_the_fields_of_saqs() -> None:
    assert issubclass(Job, saq.Job)
    assert list(inspect.signature(Job).parameters) == list(inspect.signature(saq.Job).parameters)


def test_a_worker_takes_the_options_of_saqs() -> None:
    assert issubclass(Worker, saq.Worker)
    queue = SAQConfig(queue_configs=[QueueConfig(dsn="redis://localhost")]).get_queues().get("default")
    options = {
        "id": "w",
        "concurrency": 3,
        "cron_jobs": [CronJob(task, "* * * * *")],
        "cron_tz": UTC,
        "startup": [task],
        "shutdown": [task],
        "before_process": task,
        "after_process": task,
        "timers": {"sweep": 5},
        "dequeue_timeout": 1.0,
        "burst": True,
        "max_burst_jobs": 2,
        "shutdown_grace_period_s": 4,
        "cancellation_hard_deadline_s": 2.0,
        "metadata": {"a": 1},
        "poll_interval": 0.5,
        "separate_process": False,
        "multiprocessing_mode": "threading",
    }
    accepted = set(inspect.signature(saq.Worker).parameters) - {"queue", "functions"}
    assert accepted <= set(options)
    worker = Worker(queue, [task], **options)
    assert (worker.id, worker.concurrency, worker.timers["sweep"]) == ("w", 2, 5)


def test_the_plugin_has_what_0_8_documents() -> None:
    config = SAQConfig(queue_configs=[QueueConfig(dsn="redis://localhost", name="samples")])
    plugin = SAQPlugin(config=config)
    assert plugin.config is config
    assert set(plugin.get_queues().queues) == {"samples"}
    assert plugin.get_queue("samples") is plugin.get_queues().get("samples")


def test_every_documented_option_of_0_8_is_accepted() -> None:
    queue = QueueConfig(
        dsn="redis://localhost:6379/0",
        id="worker",
        name="samples",
        concurrency=5,
        broker_options={"max_concurrent_ops": 15, "swept_error_message": "gone"},
        broker_instance_options={"max_connections": 5},
        tasks=[task, ("named", task), "tests.unit.test_public_surface.task"],
        scheduled_tasks=[CronJob(function=task, cron="* * * * *", timeout=5, meta={"a": 1})],
        cron_tz=UTC,
        startup=task,
        shutdown=[task],
        before_process="tests.unit.test_public_surface.task",
        after_process=["tests.unit.test_public_surface.task", task],
        timers={"schedule": 1, "worker_info": 5, "sweep": 10, "abort": 1},
        dequeue_timeout=1.0,
        burst=True,
        max_burst_jobs=3,
        metadata={"region": "eu"},
        multiprocessing_mode="threading",
        separate_process=False,
        shutdown_grace_period_s=30,
        cancellation_hard_deadline_s=2.0,
        poll_interval=0.1,
    )
    config = SAQConfig(
        queue_configs=[queue],
        queue_instances=None,
        queues_dependency_key="queues",
        worker_processes=2,
        json_serializer=repr,
        json_deserializer=decode_json,
        static_files=Path(),
        web_enabled=True,
        web_path="/jobs",
        web_guards=[],
        web_include_in_schema=True,
        use_server_lifespan=True,
        enable_otel=False,
        otel_tracer_name="mine",
    )
    assert config.get_queue_configs() == [queue]
