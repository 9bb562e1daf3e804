"""The grace periods of the application, of compose and of the chart are the same."""

from __future__ import annotations

import re

import yaml

from litestar_saq import QueueConfig
from litestar_saq.supervisor import stop_budget_s
from reference_app.settings import Settings
from tests.chart.rendering import CHART, ROOT, render

COMPOSE = (ROOT / "compose.yaml").read_text()
APP_GRACE_S = Settings.model_fields["shutdown_grace_s"].default


def test_the_jobs_grace_is_one_everywhere() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    (compose,) = set(re.findall(r"SHUTDOWN_GRACE_S:-(\d+)", COMPOSE))
    assert values["workerDefaults"]["graceSeconds"] == int(compose) == APP_GRACE_S


def test_what_a_worker_has_beyond_it_is_one_and_enough() -> None:
    ((beyond,),) = [re.findall(r"stop_grace_period: \$\{SHUTDOWN_GRACE_S:-\d+\}s(\d+)s", COMPOSE)]
    pod = render().pod("worker-reports")
    assert pod.spec["terminationGracePeriodSeconds"] == APP_GRACE_S + int(beyond)
    config = QueueConfig(name="q", dsn="redis://localhost", shutdown_grace_period_s=APP_GRACE_S)
    assert APP_GRACE_S + int(beyond) > stop_budget_s([config])


def test_the_api_s_is_one_but_for_the_proxies() -> None:
    compose = int(yaml.safe_load(COMPOSE)["services"]["api"]["stop_grace_period"].removesuffix("s"))
    values = yaml.safe_load((CHART / "values.yaml").read_text())["api"]
    assert values["graceSeconds"] == compose
    pod = render().pod("api")
    sleep = pod.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod.spec["terminationGracePeriodSeconds"] >= sleep + compose


def test_the_images_are_those_of_compose() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    images = [values["redis"]["image"], values["otel"]["collector"]["image"], values["otel"]["jaeger"]["image"]]
    assert set(images) <= set(re.findall(r"image: \$\{\w+:-([^}]+)\}", COMPOSE))


def test_the_workers_are_those_of_compose() -> None:
    groups = set(yaml.safe_load((CHART / "values.yaml").read_text())["workers"])
    services = set(yaml.safe_load(COMPOSE)["services"])
    assert {f"worker-{group}" for group in groups} == {name for name in services if name.startswith("worker-")} - {
        "worker-load"
    }
