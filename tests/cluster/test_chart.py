"""The chart in a cluster: installed, used, upgraded, rolled back, scaled, its pods killed, uninstalled."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.cluster.cluster import Cluster
from tests.cluster.release import CHART, IMAGES, NAMESPACE, Release
from tests.cluster.waiting import until

FILES, COLUMNS, ROWS = 12, 10, 5000
HPA: dict[str, Any] = {
    "api": {"autoscaling": {"type": "hpa", "maxReplicas": 3}},
    "workers": {"analysis": {"autoscaling": {"type": "hpa", "maxReplicas": 3}}},
}


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    made = Release(cluster)
    made.prepare()
    made.put()
    yield made
    cluster.kubectl("delete", "namespace", made.namespace, "--ignore-not-found")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def test_it_runs_in_a_restricted_namespace(release: Release) -> None:
    deployments = release.get("deployments")
    assert set(deployments) == {
        f"reports-{name}"
        for name in ("api", "jaeger", "otel-collector", "worker-analysis", "worker-maintenance", "worker-reports")
    }
    for name, deployment in deployments.items():
        assert deployment["status"]["availableReplicas"] == deployment["spec"]["replicas"], name
    for name, pod in release.get("pods").items():
        assert all(status["restartCount"] == 0 for status in pod["status"]["containerStatuses"]), name
    assert release.get("persistentvolumeclaims")["data-reports-redis-0"]["status"]["phase"] == "Bound"


def test_helm_test_gets_a_report_whose_trace_is_in_jaeger(release: Release) -> None:
    told = release.helm("test", "--logs", "--timeout=3m")
    found = re.search(r"The report \w+ was there after [\d.]+ s; its trace is (\w{32})", told)
    assert found, told

    def services() -> set[str]:
        (trace,) = release.service("jaeger:page", f"api/traces/{found[1]}")["data"]
        return {process["serviceName"] for process in trace["processes"].values()}

    expected = {"reference-api", "reference-worker-reports", "reference-worker-analysis"}
    until(lambda: services() >= expected, "the trace")
    assert not release.pods("test")


def test_pods_say_which_they_are_in_their_spans(release: Release) -> None:
    found = release.service("jaeger:page", "api/traces?service=reference-worker-analysis&limit=1")["data"]
    processes = [process for trace in found for process in trace["processes"].values()]
    names = {tag["value"] for process in processes for tag in process["tags"] if tag["key"] == "k8s.pod.name"}
    assert any(name.startswith("reports-worker-analysis-") for name in names)


def test_the_password_is_in_its_secret_alone(release: Release) -> None:
    password = base64.b64decode(release.get("secrets")["reports-redis"]["data"]["password"]).decode()
    assert len(password) == 40
    told = release.cluster.helm("get", "values", "reports", "--all", f"--namespace={release.namespace}")
    others = release.kubectl("get", "configmaps,deployments,statefulsets,pods,events", "--output=json")
    logs = "".join(release.kubectl("logs", pod) for pod in release.pods())
    for text in (told, others, logs):
        assert password not in text


def test_budgets_know_their_pods(release: Release) -> None:
    figures = ("expectedPods", "currentHealthy", "disruptionsAllowed")

    def know() -> bool:
        for name, budget in release.get("poddisruptionbudgets").items():
            found = tuple(budget["status"].get(figure) for figure in figures)
            assert found == (2, 2, 1), f"{name}: {found}"
        return True

    until(know, "budgets that know their pods")


def test_an_upgrade_replaces_the_pods_that_it_changes_and_keeps_the_password(release: Release) -> None:
    before = {component: release.pods(component) for component in ("api", "redis", "jaeger", "worker-maintenance")}
    password = release.get("secrets")["reports-redis"]["data"]
    release.put({"app": {"logLevel": "DEBUG"}, "workers": {"reports": {"replicas": 2}}})

    assert not before["api"] & release.pods("api")
    assert not before["worker-maintenance"] & release.pods("worker-maintenance")
    assert before["redis"] == release.pods("redis")
    assert before["jaeger"] == release.pods("jaeger")
    assert len(release.pods("worker-reports")) == 2
    assert release.get("secrets")["reports-redis"]["data"] == password
    assert release.get("configmaps")["reports-settings"]["data"]["LOG_LEVEL"] == "DEBUG"


def test_an_upgrade_that_changes_nothing_replaces_nothing(release: Release) -> None:
    release.put()
    pods = release.pods()
    release.put()
    assert release.pods() == pods


def test_a_rollback_brings_back_what_was(release: Release) -> None:
    release.put()
    good = release.revision()
    release.put({"app": {"logLevel": "WARNING"}, "workers": {"more": {"queues": ["reports", "analysis"]}}})
    assert release.pods("worker-more")
    release.helm("rollback", str(good), "--wait", "--timeout=5m")

    assert "reports-worker-more" not in release.get("deployments")
    assert release.get("configmaps")["reports-settings"]["data"]["LOG_LEVEL"] == "INFO"
    assert "The report" in release.helm("test", "--logs", "--timeout=3m")


def test_autoscalers_get_their_figures(release: Release) -> None:
    release.put(HPA)
    release.kubectl("wait", "--for=condition=ScalingActive", "--timeout=180s", "horizontalpodautoscalers", "--all")
    for name, autoscaler in release.get("horizontalpodautoscalers").items():
        conditions = {one["type"]: one["status"] for one in autoscaler["status"]["conditions"]}
        assert conditions["AbleToScale"] == "True", name
    assert set(release.get("horizontalpodautoscalers")) == {"reports-api", "reports-worker-analysis"}
    release.put()
    assert not release.get("horizontalpodautoscalers")


def test_a_drained_pod_s_jobs_come_to_their_end(release: Release, pool: ThreadPoolExecutor) -> None:
    release.put()
    outcome = release.load(pool, FILES, COLUMNS, ROWS)
    pod = min(release.pods("worker-analysis"))
    release.kubectl("delete", "pod", pod)
    assert outcome.result(300) == {"complete": FILES}


def test_a_killed_pod_s_jobs_come_to_their_end(release: Release, pool: ThreadPoolExecutor) -> None:
    release.put()
    outcome = release.load(pool, FILES, COLUMNS, ROWS)
    for pod in release.pods("worker-analysis"):
        release.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
    assert outcome.result(300) == {"complete": FILES}


def test_workers_outlive_a_redis_that_is_gone(release: Release, pool: ThreadPoolExecutor) -> None:
    release.put()
    outcome = release.load(pool, FILES, COLUMNS, ROWS)
    release.kubectl("delete", "pod", "reports-redis-0", "--grace-period=0", "--force")
    # Until it is made anew there is nothing that kubectl would wait for.
    ready = ("wait", "--for=condition=Ready", "--timeout=120s", "pod/reports-redis-0")
    until(lambda: release.kubectl(*ready), "the new Redis", 120)
    assert outcome.result(300) == {"complete": FILES}
    for pod in release.get("pods").values():
        if pod["metadata"]["labels"]["app.kubernetes.io/component"].startswith("worker-"):
            assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]


def test_keda_scales_by_what_waits_and_runs(keda: Cluster, release: Release, pool: ThreadPoolExecutor) -> None:
    fast = {"pollingSeconds": 1, "jobsPerReplica": 2}
    scaling = {"type": "keda", "maxReplicas": 3, "keda": fast, "scaleDown": {"stabilizationWindowSeconds": 0}}
    release.put({"workers": {"analysis": {"autoscaling": scaling}}})
    release.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "scaledobject/reports-worker-analysis")
    outcome = release.load(pool, 4 * FILES, COLUMNS, ROWS)
    until(lambda: len(release.pods("worker-analysis")) == 3, "three pods", 120)
    assert outcome.result(300) == {"complete": 4 * FILES}
    # One a minute, and the last one stays.
    until(lambda: len(release.pods("worker-analysis")) == 1, "one pod", 240)
    release.put()


@pytest.fixture
def elsewhere(release: Release, tmp_path: Path) -> Iterator[None]:
    """A Redis that is reached by TLS, with its secrets."""
    authority = trustme.CA()
    server = authority.issue_cert("elsewhere.csv.svc")
    files = {"ca.crt": authority.cert_pem, "tls.crt": server.cert_chain_pems[0], "tls.key": server.private_key_pem}
    for name, blob in files.items():
        blob.write_to_path(str(tmp_path / name))
    secret = ("create", "secret", "generic")
    release.kubectl(*secret, "elsewhere-tls", *(f"--from-file={tmp_path / name}" for name in ("tls.crt", "tls.key")))
    release.kubectl(*secret, "elsewhere-ca", f"--from-file={tmp_path / 'ca.crt'}")
    release.kubectl(*secret, "elsewhere", "--from-literal=password=pass-word")
    manifest = Path(__file__).with_name("elsewhere.yaml")
    release.kubectl("apply", f"--filename={manifest}")
    release.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/redis")
    yield
    release.put()
    release.kubectl("delete", f"--filename={manifest}", "--grace-period=1")
    release.kubectl("delete", "secret", "elsewhere", "elsewhere-ca", "elsewhere-tls")


def test_it_uses_a_redis_that_is_elsewhere_by_tls(keda: Cluster, release: Release, elsewhere: None) -> None:
    external = {
        "host": "elsewhere.csv.svc",
        "port": 6380,
        "db": 2,
        "tls": True,
        "caSecret": "elsewhere-ca",
        "username": "reports",
        "existingSecret": "elsewhere",
    }
    workers = {"analysis": {"autoscaling": {"type": "keda"}}}
    release.put({"redis": {"enabled": False, "external": external}, "workers": workers})
    assert not release.get("statefulsets")
    assert "The report" in release.helm("test", "--logs", "--timeout=3m")
    # KEDA has asked it for the jobs.
    release.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "scaledobject/reports-worker-analysis")
    release.kubectl(
        "wait", "--for=condition=ScalingActive", "--timeout=60s", "horizontalpodautoscaler/reports-worker-analysis"
    )


@pytest.fixture(scope="module")
def cases(cluster: Cluster) -> Iterator[Cluster]:
    """A namespace for what is only looked at, in a cluster that has all kinds."""
    for owner in ("keda", "prometheus", "gateway"):
        cluster.define(owner)
    cluster.kubectl("apply", "--filename=-", stdin=NAMESPACE.format(name="cases"))
    # A pod is only looked at where its account is there.
    cluster.kubectl("create", "serviceaccount", "reports", "--namespace=cases")
    yield cluster
    cluster.kubectl("delete", "namespace", "cases")


@pytest.mark.parametrize("path", sorted((CHART / "ci").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_api_server_takes_all_that_is_rendered(cases: Cluster, path: Any) -> None:
    kinds = [f"monitoring.coreos.com/v1{kind}" for kind in ("", "/ServiceMonitor", "/PodMonitor", "/PrometheusRule")]
    known = [part for kind in kinds for part in ("--api-versions", kind)]
    text = cases.helm("template", "reports", str(CHART), "--namespace=cases", f"--values={path}", *known)
    strict = ("--namespace=cases", "--validate=strict", "--warnings-as-errors", "--dry-run=server")
    told = cases.kubectl("apply", *strict, "--filename=-", stdin=text)
    assert len(told.splitlines()) == len(re.findall(r"^kind: ", text, re.MULTILINE))


def test_what_is_left_of_it_is_nothing(release: Release) -> None:
    release.put()
    assert release.all()
    release.helm("uninstall", "--wait", "--timeout=3m")
    until(lambda: not release.all(), "the end of everything", 120)


def test_it_installs_again_where_it_was(release: Release) -> None:
    release.put({"otel": {"enabled": False}})
    assert "The report" in release.helm("test", "--logs", "--timeout=3m")
    assert IMAGES[0] in {pod["spec"]["containers"][0]["image"] for pod in release.get("pods").values()}
