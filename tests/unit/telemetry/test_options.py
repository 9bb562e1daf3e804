"""What OtelOptions takes, and what it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from litestar_saq.exceptions import FieldError
from litestar_saq.telemetry import OtelOptions

GOOD: dict[str, list[Any]] = {
    "propagation": ["parent", "link", "none", lambda _job: "link"],
    "max_parent_delay_s": [None, 0, 1.5],
    "propagate_baggage": [True, False],
    "span_naming": ["queue", "function"],
    "create_spans": [True, False],
    "receive_spans": [True, False],
    "settle_spans": [True, False],
    "metrics": [True, False],
    "metric_function_attribute": [True, False],
    "process_buckets_s": [None, (0.1, 1, 60)],
    "queue_metrics": [True, False],
    "flush_timeout_s": [0, 3],
    "tracer_provider": [None, NoOpTracerProvider()],
    "meter_provider": [None, NoOpMeterProvider()],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "propagation": [("child", "'parent', 'link', 'none'"), (None, "'parent'")],
    "max_parent_delay_s": [(-1, "at least 0, or None"), ("1", "a number"), (True, "a number")],
    "span_naming": [("task", "'queue', 'function'")],
    "metrics": [("yes", "True or False"), (None, "True or False")],
    "process_buckets_s": [([], "numbers above 0"), ([1, 1], "greater"), ([2, 1], "greater"), ([0, 1], "above 0")],
    "flush_timeout_s": [(-1, "at least 0"), (None, "at least 0")],
    "tracer_provider": [("provider", "get_tracer")],
    "meter_provider": [(NoOpTracerProvider(), "get_meter")],
}


def test_every_field_is_looked_at() -> None:
    assert GOOD.keys() == {field.name for field in dataclasses.fields(OtelOptions)}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in GOOD.items() for value in values])
def test_a_good_value_is_taken(field: str, value: Any) -> None:
    assert getattr(OtelOptions(**{field: value}), field) == value


@pytest.mark.parametrize(("field", "value", "accepted"), [(f, *row) for f, rows in WRONG.items() for row in rows])
def test_a_wrong_value_is_refused_by_name(field: str, value: Any, accepted: str) -> None:
    with pytest.raises(FieldError, match=f"OtelOptions.{field} = ") as caught:
        OtelOptions(**{field: value})
    assert accepted in str(caught.value)


def test_bounds_that_are_given_as_a_list_are_kept_from_change() -> None:
    bounds = [1.0, 2.0]
    options = OtelOptions(process_buckets_s=bounds)
    bounds.append(0)
    assert options.process_buckets_s == (1.0, 2.0)
