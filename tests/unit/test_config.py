from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from saq.queue.base import Queue

from litestar_saq import QueueConfig, SAQConfig, TaskQueues
from litestar_saq.exceptions import FieldError, ImproperConfigurationError, UnknownQueueError
from litestar_saq.queues import current_queues
from litestar_saq.telemetry import OtelOptions
from litestar_saq.testing import InMemoryQueue


def queue(name: str = "default") -> QueueConfig:
    return QueueConfig(dsn="redis://localhost", name=name)


GOOD: dict[str, list[Any]] = {
    "queue_configs": [[], [queue()], (queue("a"), queue("b")), lambda: [queue()]],
    "queue_instances": [None, {}, {"a": InMemoryQueue("a")}],
    "queues_dependency_key": ["queues", "saq_queues"],
    "worker_processes": [1, 8],
    "json_serializer": [repr],
    "json_deserializer": [eval],
    "static_files": [Path("static"), "static"],
    "web_enabled": [True, False],
    "web_path": ["/", "/jobs", "/jobs/page/"],
    "web_guards": [None, [], [lambda connection, handler: None]],
    "web_include_in_schema": [True],
    "use_server_lifespan": [True],
    "enable_otel": [None, True, False],
    "otel_tracer_name": ["mine"],
    "otel_options": [None, OtelOptions(), OtelOptions(propagation="link")],
    "otel_setup": [None, print, "package.module:set_up"],
    "health_dir": [None, "/tmp/health", Path("health")],
}
WRONG: dict[str, list[tuple[Any, str, str]]] = {
    "queue_configs": [
        (None, "NoneType", "a collection of QueueConfig"),
        (3, "int", "a collection of QueueConfig"),
        (queue(), "QueueConfig", "a collection of QueueConfig"),
        ({"a": queue()}, "dict", "a collection of QueueConfig"),
        ([3], "int", "a collection of QueueConfig"),
        ([queue("a"), queue("b"), queue("a")], "'a'", "each name once"),
    ],
    "queue_instances": [(3, "int", "a mapping"), ({"a": 3}, "a=", "queues of SAQ's"), ({1: 2}, "dict", "text keys")],
    "queues_dependency_key": [("", "''", "a parameter"), ("my queues", "'my queues'", "a parameter"), (3, "3", "name")],
    "worker_processes": [(value, repr(value), "at least 1") for value in (0, -1, True, "2", 1.5, None)],
    "json_serializer": [(None, "None", "a function")],
    "json_deserializer": [("json.loads", "'json.loads'", "a function")],
    "static_files": [(None, "None", "a folder")],
    "web_enabled": [(1, "1", "True or False"), (None, "None", "True or False")],
    "web_path": [("saq", "'saq'", "begins with '/'"), ("", "''", "begins with '/'"), (None, "None", "begins with '/'")],
    "web_guards": [(3, "3", "a list"), ([3], "[3]", "guards"), (print, "print", "a list")],
    "web_include_in_schema": [("yes", "'yes'", "True or False")],
    "use_server_lifespan": [(None, "None", "True or False")],
    "enable_otel": [("yes", "'yes'", "True, False or None"), (1, "1", "True, False or None")],
    "otel_tracer_name": [("", "''", "not empty"), (None, "None", "a text")],
    "otel_options": [({"propagation": "link"}, "'dict'", "an OtelOptions")],
    "otel_setup": [("package.module", "'package.module'", "package.module:function"), (3, "3", "a function")],
    "health_dir": [("", "''", "a folder"), (3, "3", "a folder")],
}


def test_the_tables_of_this_test_name_every_field() -> None:
    assert set(WRONG) == set(GOOD) == set(SAQConfig.__dataclass_fields__)


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in GOOD.items() for value in values])
def test_a_good_value_is_taken(field: str, value: Any) -> None:
    config = SAQConfig(**{field: value})
    assert getattr(config, field) is value


@pytest.mark.parametrize(
    ("field", "value", "shown", "accepted"), [(field, *row) for field, rows in WRONG.items() for row in rows]
)
def test_a_wrong_value_is_refused_with_field_value_and_what_is_accepted(
    field: str, value: Any, shown: str, accepted: str
) -> None:
    with pytest.raises(FieldError) as caught:
        SAQConfig(**{field: value})
    message = str(caught.value)
    assert (caught.value.owner, caught.value.field) == ("SAQConfig", field)
    assert message.startswith(f"SAQConfig.{field} = ")
    assert shown in message
    assert accepted in message
    assert "\n" not in message


@pytest.mark.parametrize("made", [None, 3, "queues", queue(), [3], [queue(), queue()], {"a": queue()}])
def test_what_a_function_returns_is_checked_when_it_is_called(made: Any) -> None:
    config = SAQConfig(queue_configs=lambda: made)
    with pytest.raises(FieldError, match=r"SAQConfig\.queue_configs"):
        config.get_queue_configs()


def test_a_function_is_called_once_and_when_it_is_needed() -> None:
    calls = []

    def make() -> list[QueueConfig]:
        calls.append(1)
        return [queue("a")]

    config = SAQConfig(queue_configs=make)
    assert calls == []
    assert [one.name for one in config.get_queue_configs()] == ["a"]
    assert set(config.get_queues().queues) == {"a"}
    assert set(config.make_queues().queues) == {"a"}
    assert config.get_queue_configs() is config.get_queue_configs()
    assert len(calls) == 1


def test_the_given_collection_is_not_changed_nor_watched() -> None:
    given = [queue("a")]
    config = SAQConfig(queue_configs=given)
    given.append(queue("b"))
    assert [one.name for one in config.get_queue_configs()] == ["a"]
    assert [one.name for one in given] == ["a", "b"]


def test_queues_are_made_once() -> None:
    config = SAQConfig(queue_configs=[queue("a"), queue("b")])
    queues = config.get_queues()
    assert config.get_queues() is queues
    assert {name: one.name for name, one in queues.queues.items()} == {"a": "a", "b": "b"}
    assert all(isinstance(one, Queue) for one in queues.queues.values())


def test_queues_are_made_anew_for_a_loop_of_its_own() -> None:
    config = SAQConfig(queue_configs=[queue("a")])
    assert config.make_queues().get("a") is not config.get_queues().get("a")


def test_a_worker_in_a_thread_sees_its_own_queues() -> None:
    config = SAQConfig(queue_configs=[queue("a")])
    own = config.make_queues()
    token = current_queues.set(own)
    try:
        assert config.get_queues() is own
    finally:
        current_queues.reset(token)
    assert config.get_queues() is not own


def test_queue_instances_are_used_as_they_are() -> None:
    mine = InMemoryQueue("mine")
    config = SAQConfig(queue_configs=[queue("a")], queue_instances={"mine": mine})
    assert config.get_queues().queues == {"mine": mine}
    assert config.get_queues().get("mine") is mine


def test_an_unknown_queue_lists_the_known_ones() -> None:
    queues = SAQConfig(queue_configs=[queue("reports"), queue("mails")]).get_queues()
    message = "no queue is named 'report'; configured queues: mails, reports"
    with pytest.raises(UnknownQueueError, match=message) as caught:
        queues.get("report")
    assert isinstance(caught.value, ImproperConfigurationError)
    assert (caught.value.name, caught.value.known) == ("report", ("mails", "reports"))
    assert caught.value.__suppress_context__


def test_no_queues_are_said_to_be_none() -> None:
    with pytest.raises(UnknownQueueError, match="configured queues: none"):
        TaskQueues().get("any")


def test_the_serializers_are_those_of_the_queues() -> None:
    config = SAQConfig(
        queue_configs=[queue()], json_serializer=lambda value: f"!{value}", json_deserializer=lambda _: {}
    )
    made: Any = config.get_queues().get("default")
    assert (made._dump("x"), made._load("y")) == ("!x", {})


def test_options_reach_queue_and_client() -> None:
    one = QueueConfig(
        dsn="redis://localhost",
        broker_options={"max_concurrent_ops": 3, "swept_error_message": "gone"},
        broker_instance_options={"socket_timeout": 7},
    )
    made: Any = SAQConfig(queue_configs=[one]).get_queues().get("default")
    assert made.swept_error_message == "gone"
    assert made._op_sem._value == 3
    assert made.redis.connection_pool.connection_kwargs["socket_timeout"] == 7


def test_a_client_of_the_users_own_is_used() -> None:
    from redis.asyncio import Redis

    client = Redis(host="elsewhere")
    made: Any = SAQConfig(queue_configs=[QueueConfig(broker_instance=client)]).get_queues().get("default")
    assert made.redis is client
