from __future__ import annotations

from typing import Any

import pytest

from reference_app.telemetry import current_trace_id
from reference_app.telemetry.requests import _span_details


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/reports", "POST /reports"),
        ("/reports/0123", "POST /reports/{report_id}"),
        ("/reports/0123/events", "POST /reports/{report_id}/events"),
        ("/reports/0123/columns/7/chart.svg", "POST /reports/{report_id}/columns/{index}/chart.svg"),
    ],
)
def test_a_route_has_one_name(path: str, name: str) -> None:
    scope: Any = {"type": "http", "method": "POST", "path": path}

    found, attributes = _span_details(scope)

    assert (found, attributes["http.route"]) == (name, name.removeprefix("POST "))


def test_outside_a_span_there_is_no_trace() -> None:
    assert current_trace_id() is None
