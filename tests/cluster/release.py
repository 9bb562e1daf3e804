"""The chart as a release in a cluster."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import ROOT, Cluster
from tests.cluster.waiting import until

__all__ = ("CHART", "IMAGES", "NAMESPACE", "Release", "images_of_the_chart")

CHART = ROOT / "helm"
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels: {{pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}
"""
LOAD = Path(__file__).with_name("load.py")
KINDS = (
    "deployments,statefulsets,replicasets,pods,services,endpointslices,configmaps,secrets,serviceaccounts,"
    "persistentvolumeclaims,horizontalpodautoscalers,poddisruptionbudgets,networkpolicies"
)


def images_of_the_chart() -> tuple[str, ...]:
    """Return the images that the chart's defaults name, the application's first."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    own = f"{values['image']['repository']}:{version}"
    return own, values["redis"]["image"], values["otel"]["collector"]["image"], values["otel"]["jaeger"]["image"]


IMAGES = images_of_the_chart()


class Release:
    """The release `reports` in a namespace of its own, which enforces the level `restricted`."""

    name = "reports"
    namespace = "csv"

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def prepare(self) -> None:
        """Build the image, put it and the others onto the node, make the namespace."""
        build = ("docker", "build", "--quiet", "--file", "docker/Dockerfile", "--tag", IMAGES[0], ".")
        subprocess.run(build, cwd=ROOT, check=True, timeout=600, stdout=subprocess.DEVNULL)
        for image in IMAGES:
            self.cluster.load_image(image)
        self.cluster.kubectl("apply", "--filename=-", stdin=NAMESPACE.format(name=self.namespace))

    def helm(self, command: str, *arguments: str) -> str:
        return self.cluster.helm(command, self.name, *arguments, f"--namespace={self.namespace}", within_s=400)

    def put(self, values: dict[str, Any] | None = None) -> str:
        """Install it, or upgrade it to these values; wait until it is ready."""
        wait = ("--install", "--reset-values", "--wait", "--timeout=5m", "--values=-")
        return self.cluster.helm(
            "upgrade",
            self.name,
            str(CHART),
            f"--namespace={self.namespace}",
            *wait,
            stdin=yaml.safe_dump(values or {}),
            within_s=400,
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl(f"--namespace={self.namespace}", *arguments, stdin=stdin)

    def get(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the objects of a kind by their names."""
        found = json.loads(self.kubectl("get", kind, "--output=json"))["items"]
        return {thing["metadata"]["name"]: thing for thing in found}

    def pods(self, component: str | None = None) -> set[str]:
        """Return the names of a component's pods, or of all, that are not ending."""
        return {
            name
            for name, pod in self.get("pods").items()
            if component in {None, pod["metadata"]["labels"].get("app.kubernetes.io/component")}
            and "deletionTimestamp" not in pod["metadata"]
        }

    def revision(self) -> int:
        return int(json.loads(self.helm("history", "--output=json"))[-1]["revision"])

    def all(self) -> set[str]:
        """Return what is in the namespace, but for what each has."""
        names = set(self.kubectl("get", KINDS, "--output=name").split())
        return names - {"configmap/kube-root-ca.crt", "serviceaccount/default"}

    def service(self, name: str, path: str) -> Any:
        """Return what a service answers, through the API server."""
        raw = f"/api/v1/namespaces/{self.namespace}/services/{self.name}-{name}/proxy/{path}"
        return json.loads(self.kubectl("get", "--raw", raw))

    def load(self, pool: ThreadPoolExecutor, files: int, columns: int, rows: int) -> Future[dict[str, int]]:
        """Send files from a pod of the API; return what will become of their reports, once jobs run."""
        python = ("exec", "--stdin", f"deployment/{self.name}-api", "--", "python", "-", f"http://{self.name}-api")
        sizes = (str(files), str(columns), str(rows))
        outcome = pool.submit(
            lambda: json.loads(self.kubectl(*python, *sizes, stdin=LOAD.read_text()).splitlines()[-1])
        )
        until(lambda: outcome.done() or self.jobs("analysis", "active") > 0, "jobs that run")
        return outcome

    def jobs(self, queue: str, state: str) -> int:
        return int(self.redis("llen", f"saq:{queue}:{state}"))

    def redis(self, *command: str) -> str:
        script = 'REDISCLI_AUTH="$(cat /run/redis-password/password)" exec redis-cli "$@"'
        return self.kubectl("exec", f"{self.name}-redis-0", "--", "sh", "-ec", script, "redis", *command)
