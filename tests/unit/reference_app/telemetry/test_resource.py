from __future__ import annotations

from importlib.metadata import version
from uuid import UUID

import pytest

from reference_app.telemetry.resource import make_resource


@pytest.mark.parametrize(
    ("queues", "name"),
    [
        ((), "reference-api"),
        (("reports",), "reference-worker-reports"),
        (("reports", "analysis"), "reference-worker-reports+analysis"),
    ],
)
def test_a_process_is_named_by_its_queues(environment: None, queues: tuple[str, ...], name: str) -> None:
    found = make_resource(queues).attributes

    assert (found["service.name"], found["service.version"]) == (name, version("litestar-saq"))
    assert UUID(str(found["service.instance.id"]))
    assert found["telemetry.sdk.language"] == "python"


def test_what_is_set_outside_wins(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs,service.version=7,deployment.environment=test")

    found = make_resource(("reports",)).attributes
    assert [found[name] for name in ("service.name", "service.version", "deployment.environment")] == [
        "theirs",
        "7",
        "test",
    ]

    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert make_resource(()).attributes["service.name"] == "mine"
