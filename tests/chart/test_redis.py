from __future__ import annotations

import base64
import json

import pytest

from tests.chart.rendering import CASES, CHART, Rendered, helm, render


def url(rendered: Rendered, release: str = "reports") -> str:
    return str(rendered.one("ConfigMap", f"{release}-settings")["data"]["REDIS_URL"])


def test_the_chart_s_own_loses_and_evicts_nothing() -> None:
    config = render().one("ConfigMap", "reports-redis")["data"]["redis.conf"]
    said = dict(line.split(" ", 1) for line in config.splitlines() if line and not line.startswith("#"))
    assert said["appendonly"] == "yes"
    assert said["appendfsync"] == "everysec"
    assert said["maxmemory-policy"] == "noeviction"
    assert said["maxmemory"] == "384mb"
    (claim,) = render().one("StatefulSet", "reports-redis")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    mounts = {mount["name"]: mount["mountPath"] for mount in render().pod("redis").container["volumeMounts"]}
    assert mounts["data"] == said["dir"] == "/data"


def test_its_volume_goes_with_the_release_unless_told() -> None:
    policy = "persistentVolumeClaimRetentionPolicy"
    assert render().one("StatefulSet", "reports-redis")["spec"][policy]["whenDeleted"] == "Delete"
    assert render("full").one("StatefulSet", "everything-redis")["spec"][policy]["whenDeleted"] == "Retain"


def test_it_runs_without_a_volume() -> None:
    spec = render("minimal").one("StatefulSet", "reports-redis")["spec"]
    assert "volumeClaimTemplates" not in spec
    assert {"name": "data", "emptyDir": {}} in spec["template"]["spec"]["volumes"]


def test_a_password_is_made_up_and_is_in_its_secret_alone() -> None:
    text = helm("template", "reports", str(CHART))
    rendered = render()
    password = base64.b64decode(rendered.one("Secret", "reports-redis")["data"]["password"]).decode()
    assert len(password) == 40
    others = [thing for thing in rendered.objects if thing["kind"] != "Secret"]
    assert password not in json.dumps(others)
    assert text.count("kind: Secret") == 1


@pytest.mark.parametrize("case", ["", *(path.stem for path in CASES)])
def test_the_password_comes_by_a_file(case: str) -> None:
    for pod in render(case).pods():
        for name, value in pod.environment.items():
            assert "PASSWORD" not in name or name == "REDIS_PASSWORD_FILE", name
            assert "@" not in str(value) or "://" not in str(value)
        assert "--requirepass" not in json.dumps(pod.container)


def test_a_secret_that_is_there_is_used() -> None:
    rendered = render("keda")
    assert not rendered.of("Secret")
    for component in ("api", "redis", "worker-analysis"):
        volumes = {volume["name"]: volume for volume in rendered.pod(component).spec["volumes"]}
        assert volumes["redis-password"]["secret"]["secretName"] == "broker"
        assert volumes["redis-password"]["secret"]["items"] == [{"key": "redis-password", "path": "password"}]
    assert rendered.pod("api").environment["REDIS_PASSWORD_FILE"] == "/run/redis-password/password"


def test_the_url_of_the_chart_s_own() -> None:
    assert url(render()) == "redis://reports-redis:6379/0"


def test_the_url_of_another() -> None:
    assert url(render("external-redis")) == "rediss://reports@redis.internal:6380/3?ssl_ca_certs=/run/redis-ca/ca.crt"
    assert url(render("production")) == "rediss://redis.example.com:6380/0"
    assert not render("external-redis").of("StatefulSet")
    assert not render("external-redis").of("Secret")


def test_another_without_a_password_has_none() -> None:
    values = "{redis.enabled: false, redis.external.host: plain}"
    pod = render(values=values).pod("api")
    assert "REDIS_PASSWORD_FILE" not in pod.environment
    assert "redis-password" not in {volume["name"] for volume in pod.spec["volumes"]}


def test_valkey_is_taken() -> None:
    assert render("full").pod("redis").container["image"] == "valkey/valkey:8.1"


def test_reading_a_large_file_at_start_does_not_kill_it() -> None:
    container = render().pod("redis").container
    assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 600
    assert "exec" not in container["livenessProbe"]
