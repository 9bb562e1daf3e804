from __future__ import annotations

import logging
import math
import traceback
from datetime import UTC, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import saq
from psycopg_pool import AsyncConnectionPool
from redis.asyncio import Redis
from saq.queue.http import HttpQueue

from litestar_saq import CronJob, QueueConfig, SAQConfig
from litestar_saq.exceptions import FieldError
from litestar_saq.testing import InMemoryQueue

DSN = "redis://localhost"
PASSWORD = "hunter2"
HERE = "tests.unit.test_queue_config"


async def task(_ctx: Any) -> None: ...


async def other(_ctx: Any) -> None: ...


def namesake(path: str) -> Any:
    async def twin(_ctx: Any) -> str:
        return path

    twin.__qualname__ = "twin"
    return twin


class Methods:
    async def task(self, _ctx: Any) -> None: ...


METHODS = Methods()
GOOD: dict[str, list[Any]] = {
    "dsn": [
        *("redis://", "redis://h", "redis://h/", "redis://h:6379/15", "rediss://u:p@h", "REDIS://h", "redis://[::1]:1"),
        *("unix:///run/redis.sock", "unix://u:p@/run/redis.sock?db=2", "postgresql://u:p@h:5432/db", "postgres://h/db"),
        *("postgresql:///db?host=/run", "postgresql://h1:1,h2:2/db", "http://h", "https://u:p@h:8080/jobs"),
        *("embedded://", "embedded:///srv/data"),
    ],
    "id": [None, "worker-1"],
    "name": ["default", "a b", "ü"],
    "concurrency": [1, 500],
    "broker_options": [{}, {"max_concurrent_ops": 1}, {"swept_error_message": "gone"}],
    "broker_instance_options": [{}, {"max_connections": 5, "password": PASSWORD}],
    "tasks": [[], [task], (task, other), {task}, [("named", task)], [f"{HERE}.task"], [("named", f"{HERE}.task")]],
    "scheduled_tasks": [[], [CronJob(task, "* * * * *")], (saq.CronJob(task, "* * * * *"),)],
    "cron_tz": [UTC, timezone(timedelta(hours=2)), ZoneInfo("UTC")],
    "startup": [None, task, f"{HERE}.task", [task, f"{HERE}.other"], (task,), []],
    "shutdown": [None, task, [task]],
    "before_process": [None, task, [task]],
    "after_process": [None, task, [task]],
    "timers": [None, {}, {"schedule": 1, "worker_info": 10, "sweep": 60, "abort": 0.5}, {"stats": 5}],
    "dequeue_timeout": [0, 1.5],
    "burst": [False],
    "max_burst_jobs": [None, 1],
    "metadata": [None, {}, {"region": "eu"}],
    "separate_process": [True, False],
    "multiprocessing_mode": ["multiprocessing", "threading"],
    "job_defaults": [
        {},
        {"timeout": 60, "heartbeat": 5, "retries": 3, "ttl": -1, "retry_delay": 0.5, "retry_backoff": True},
    ],
    "max_job_bytes": [1, 512 * 1024 * 1024],
    "redact": [True, False],
    "on_worker_loss": ["retry", "abort"],
    "max_worker_losses": [1, 10],
    "lease_s": [1, 10.0, 60],
    "shutdown_grace_period_s": [None, 0, 30, 1.5],
    "cancellation_hard_deadline_s": [None, 0.5, 10],
    "poll_interval": [None, 0, 0.5],
}
NOT_A_NUMBER = [None, "1", True, math.nan, math.inf, -1]
WRONG: dict[str, list[tuple[Any, str, str]]] = {
    "dsn": [
        (3, "int", "a URL as text"),
        ("", "***", "redis://"),
        ("localhost:6379", "***", "postgresql://"),
        ("mysql://h/db", "mysql://h/db", "embedded://"),
        ("redis://h:port", "redis://h:***", "host[:port]"),
        ("redis://h:99999", "redis://h:99999", "host[:port]"),
        ("redis://h/queue", "redis://h/queue", "[/database]"),
        ("http://", "http://", "host[:port]"),
        ("unix://", "unix://", "/path/of/socket"),
    ],
    "broker_instance": [(3, "int", "redis.asyncio.Redis"), (object(), "object", "AsyncConnectionPool")],
    "id": [("", "''", "not empty"), (3, "3", "or None")],
    "name": [("", "''", "not empty"), (" ", "' '", "not empty"), (None, "None", "a text")],
    "concurrency": [(value, repr(value), "a whole number of at least 1") for value in (0, -1, 1.5, True, "3", None)],
    "broker_options": [
        (None, "NoneType", "a mapping"),
        ({"max_size": 1}, "max_size", "keys are max_concurrent_ops, swept_error_message"),
        ({"max_concurrent_ops": 0}, "max_concurrent_ops=0", "a whole number of at least 1"),
        ({"swept_error_message": ""}, "swept_error_message=''", "not empty"),
    ],
    "broker_instance_options": [(None, "NoneType", "a mapping"), ({1: 2}, "dict", "with text keys")],
    "tasks": [
        (None, "None", "a list, tuple or set"),
        (task, "function task", "a list, tuple or set"),
        (f"{HERE}.task", f"{HERE}.task", "a list, tuple or set"),
        ([3], "3", "import path"),
        (["nowhere.task"], "nowhere.task", "No module named 'nowhere'"),
        ([f"{HERE}.nothing"], f"{HERE}.nothing", "does not define a 'nothing'"),
        (["task"], "'task'", "doesn't look like a module path"),
        ([f"{HERE}.DSN"], f"{HERE}.DSN", "a function"),
        ([("named",)], "('named',)", "a pair"),
        ([("", task)], "''", "a pair"),
        ([(1, task)], "(1,", "a pair"),
        ([("a", task), ("a", other)], "'a'", "each name once"),
        ([namesake("a"), namesake("b")], "'twin'", "each name once"),
    ],
    "scheduled_tasks": [(None, "None", "a list, tuple or set"), ([task], "function task", "CronJob")],
    "cron_tz": [("UTC", "'UTC'", "ZoneInfo"), (None, "None", "tzinfo")],
    "startup": [(3, "3", "a function"), ([3], "3", "a function"), ("nowhere.hook", "nowhere.hook", "imported")],
    "shutdown": [(3, "3", "a function")],
    "before_process": [(3, "3", "a function")],
    "after_process": [(3, "3", "a function")],
    "timers": [
        (3, "int", "a mapping"),
        ({"cleanup": 1}, "cleanup", "keys are abort, schedule"),
        *[({"sweep": value}, f"sweep={value!r}", "seconds above 0") for value in [0, *NOT_A_NUMBER]],
    ],
    "dequeue_timeout": [(value, repr(value), "a number of at least 0") for value in NOT_A_NUMBER],
    "burst": [(None, "None", "True or False"), (1, "1", "True or False")],
    "max_burst_jobs": [(0, "0", "at least 1, or None"), (1.5, "1.5", "a whole number")],
    "metadata": [(3, "int", "a mapping"), ({1: 2}, "dict", "with text keys")],
    "separate_process": [(None, "None", "True or False")],
    "multiprocessing_mode": [("thread", "'thread'", "'multiprocessing', 'threading'"), (None, "None", "one of")],
    "shutdown_grace_period_s": [(value, repr(value), "of at least 0, or None") for value in NOT_A_NUMBER[1:]],
    "cancellation_hard_deadline_s": [(value, repr(value), "above 0, or None") for value in [0, *NOT_A_NUMBER[1:]]],
    "poll_interval": [(value, repr(value), "of at least 0, or None") for value in NOT_A_NUMBER[1:]],
    "job_defaults": [
        (3, "int", "a mapping"),
        ({"key": "k"}, "key", "keys are"),
        *[({"timeout": value}, f"timeout={value!r}", "numbers of at least 0") for value in (-1, "1", math.nan, True)],
    ],
    "max_job_bytes": [(0, "0", "at least 1"), (1.5, "1.5", "a whole number")],
    "redact": [("card", "'card'", "a list, tuple or set"), ([1], "[1]", "names")],
    "on_worker_loss": [("ignore", "'ignore'", "'retry', 'abort'"), (None, "None", "one of")],
    "max_worker_losses": [(0, "0", "at least 1"), (1.5, "1.5", "a whole number")],
    "lease_s": [(value, repr(value), "a number of at least 1") for value in [0.5, *NOT_A_NUMBER]],
}


def make(field: str, value: Any, **others: Any) -> QueueConfig:
    source = {} if field in {"dsn", "broker_instance"} else {"dsn": DSN}
    return QueueConfig(**{**source, field: value, **others})


def test_the_tables_of_this_test_name_every_field() -> None:
    fields = set(QueueConfig.__dataclass_fields__)
    assert set(WRONG) == fields
    assert set(GOOD) == fields - {"broker_instance"}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in GOOD.items() for value in values])
def test_a_good_value_is_taken(field: str, value: Any) -> None:
    make(field, value)


@pytest.mark.parametrize(
    ("field", "value", "shown", "accepted"), [(field, *row) for field, rows in WRONG.items() for row in rows]
)
def test_a_wrong_value_is_refused_with_field_value_and_what_is_accepted(
    field: str, value: Any, shown: str, accepted: str
) -> None:
    with pytest.raises(FieldError) as caught:
        make(field, value)
    message = str(caught.value)
    assert (caught.value.owner, caught.value.field) == ("QueueConfig", field)
    assert message.startswith(f"QueueConfig.{field} = ")
    assert shown in message
    assert accepted in message
    assert "\n" not in message


@pytest.mark.parametrize("options", [{}, {"dsn": DSN, "broker_instance": InMemoryQueue()}])
def test_either_a_dsn_or_an_instance_is_given(options: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match="give either `dsn` or `broker_instance`"):
        QueueConfig(**options)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"priorities": (5, 1)}, "priorities=(5, 1)"),
        ({"priorities": 3}, "priorities=3"),
        ({"min_size": -1}, "min_size=-1"),
        ({"jobs_table": ""}, "jobs_table=''"),
        ({"manage_pool_lifecycle": "no"}, "manage_pool_lifecycle='no'"),
        ({"saq_lock_keyspace": 1.5}, "saq_lock_keyspace=1.5"),
        ({"max_concurrent_ops": 3}, "max_concurrent_ops"),
    ],
)
def test_the_options_of_postgres_are_checked(options: dict[str, Any], shown: str) -> None:
    with pytest.raises(FieldError) as caught:
        make("broker_options", options, dsn="postgresql://h/db")
    assert shown in str(caught.value)


def test_the_options_of_postgres_are_taken() -> None:
    options = {
        "versions_table": "v",
        "jobs_table": "j",
        "stats_table": "s",
        "min_size": 0,
        "max_size": 9,
        "saq_lock_keyspace": -1,
        "priorities": (0, 9),
        "swept_error_message": "gone",
        "manage_pool_lifecycle": False,
    }
    queue = SAQConfig(queue_configs=[make("broker_options", options, dsn="postgresql://h/db")]).get_queues()
    assert queue.get("default").swept_error_message == "gone"


def test_a_burst_needs_a_timeout() -> None:
    with pytest.raises(FieldError, match=r"QueueConfig\.dequeue_timeout = 0 .* where `burst` is on"):
        make("burst", value=True)
    assert make("burst", value=True, dequeue_timeout=0.5).burst


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"dsn": "redis://h"}, "redis"),
        ({"dsn": "unix:///run/x"}, "redis"),
        ({"dsn": "postgres://h"}, "postgres"),
        ({"dsn": "https://h"}, "http"),
        ({"dsn": "embedded://"}, "embedded"),
        ({"broker_instance": Redis()}, "redis"),
        ({"broker_instance": AsyncConnectionPool(open=False)}, "postgres"),
        ({"broker_instance": InMemoryQueue()}, "queue"),
        ({"broker_instance": HttpQueue("http://h")}, "queue"),
    ],
)
def test_the_broker_is_recognized(options: dict[str, Any], kind: str) -> None:
    assert QueueConfig(**options).broker_type == kind


def test_a_queue_of_the_users_own_must_have_the_name() -> None:
    config = SAQConfig(queue_configs=[QueueConfig(broker_instance=InMemoryQueue("mine"), name="other")])
    with pytest.raises(FieldError, match=r"QueueConfig\.name = 'other' is not accepted: 'mine'"):
        config.get_queues()


def test_tasks_and_hooks_are_functions_afterwards() -> None:
    config = QueueConfig(
        dsn=DSN, tasks=[f"{HERE}.task", ("named", f"{HERE}.other")], startup=f"{HERE}.task", shutdown=(task, other)
    )
    assert config.tasks == [task, ("named", other)]
    assert (config.startup, config.shutdown, config.before_process) == ([task], [task, other], [])
    assert config.task_names == ["named", "task"]


def test_what_is_given_is_not_changed() -> None:
    given = {"tasks": [f"{HERE}.task"], "startup": [f"{HERE}.task"], "broker_options": {}, "timers": {"stats": 3}}
    QueueConfig(dsn=DSN, **given)  # type: ignore[arg-type]
    assert given == {
        "tasks": [f"{HERE}.task"],
        "startup": [f"{HERE}.task"],
        "broker_options": {},
        "timers": {"stats": 3},
    }


def test_a_function_may_be_there_twice_and_in_cron_too() -> None:
    config = QueueConfig(
        dsn=DSN,
        tasks=[task, task, METHODS.task, METHODS.task],
        scheduled_tasks=[CronJob(task, "* * * * *"), CronJob(task, "0 * * * *")],
    )
    assert config.task_names == ["Methods.task", "task"]


@pytest.mark.parametrize(
    "dsn",
    [
        f"redis://:{PASSWORD}@host",
        f"redis://:p/{PASSWORD}@host",
        f"redis://u:a@{PASSWORD}@host",
        f"redis://u:x?{PASSWORD}@host",
        f"redis://u:x#{PASSWORD}@host",
        f"redis://u:[{PASSWORD}@host",
        f"redis://u:{PASSWORD}@[host",
        f"redis://u:{PASSWORD}@host:port",
        f"redis://u:12%zz{PASSWORD}@h:99999999",
        f"redis://:{PASSWORD}",
        f"redis://u:{PASSWORD}",
        f"redis://u:{PASSWORD}:6379",
        f"redis://host?password={PASSWORD}",
        f"redis://host?Password={PASSWORD}&db=1",
        f"redis://host?pwd={PASSWORD}",
        f"redis://host?username=a;password={PASSWORD}",
        f"redis://host/0#{PASSWORD}",
        f"REDIS://u:{PASSWORD}@host",
        f"redis://u:{PASSWORD}@host\n",
        f"  redis://u:{PASSWORD}@host",
        f"redis:u:{PASSWORD}@host",
        f"redis//u:{PASSWORD}@host",
        f"u:{PASSWORD}@host",
        PASSWORD,
        f"host=h password={PASSWORD}",
        f"unix://u:{PASSWORD}@/run/x?db=abc",
        f"postgresql://u:pa {PASSWORD}@h/db",
        f"postgresql://u:{PASSWORD}%@h/db",
        f"postgresql://h/db?passfile=/x&password={PASSWORD}",
        f"postgresql://h/db?sslpassword={PASSWORD}",
        f"postgresql://u:{PASSWORD}@h1:1,h2:2/db",
        f"http://u:{PASSWORD}@h",
        f"http://u:{PASSWORD}@h:port/",
        f"http://h/?api_key={PASSWORD}",
        f"mysql://u:{PASSWORD}@h",
        f"embedded://u:{PASSWORD}@h",
        f"embedded:///folder?password={PASSWORD}",
    ],
)
def test_a_password_is_never_shown(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    try:
        config = QueueConfig(dsn=dsn)
        saq_config = SAQConfig(queue_configs=[config])
        shown = f"{config} {config!r} {saq_config!r} {saq_config.get_queues()!r}"
    except FieldError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.args) + str(error.detail)
        assert error.field == "dsn"
    assert PASSWORD not in shown
    assert PASSWORD not in caplog.text


def test_secret_options_of_the_client_are_not_shown() -> None:
    config = QueueConfig(dsn="redis://h", broker_instance_options={"password": PASSWORD})
    queues = SAQConfig(queue_configs=[config]).get_queues()
    assert PASSWORD not in f"{config!r} {queues!r}"
    assert queues.get("default").redis.connection_pool.connection_kwargs["password"] == PASSWORD  # type: ignore[attr-defined]


def test_arguments_of_cron_jobs_are_not_shown() -> None:
    cron = CronJob(task, "* * * * *", kwargs={"token": PASSWORD}, meta={"token": PASSWORD})
    config = QueueConfig(dsn=DSN, scheduled_tasks=[cron])
    assert PASSWORD not in f"{cron!r} {config!r} {SAQConfig(queue_configs=[config])!r}"
