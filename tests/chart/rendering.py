"""The chart as helm renders it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

REPOSITORY = Path(__file__).parents[2]
# The tests of the tests plant mistakes in a copy.
ROOT = Path(os.environ.get("CHART_ROOT", REPOSITORY))
CHART = ROOT / "helm"
CASES = sorted((CHART / "ci").glob("*.yaml"))
TOOLS = Path(sys.prefix) / "tools"

MONITORING = tuple(
    f"monitoring.coreos.com/v1{kind}" for kind in ("", "/ServiceMonitor", "/PodMonitor", "/PrometheusRule")
)

Object: TypeAlias = dict[str, Any]


class RefusedError(Exception):
    """Helm refuses it; the message is what it says."""


def helm(*arguments: str) -> str:
    """Return what helm prints.

    Raises:
        RefusedError: where it ends with another code than 0.
    """
    ended = subprocess.run([TOOLS / "helm", *arguments], capture_output=True, text=True, check=False, timeout=60)
    if ended.returncode:
        raise RefusedError(ended.stderr + ended.stdout)
    return ended.stdout


@dataclass(frozen=True)
class Pod:
    """A pod, or what makes pods."""

    owner: Object
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: Object

    @property
    def container(self) -> Object:
        (container,) = self.spec["containers"]
        return dict(container)

    @property
    def environment(self) -> dict[str, str | None]:
        return {variable["name"]: variable.get("value") for variable in self.container.get("env", [])}


class Rendered:
    """The objects that the chart makes of some values."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, kind: str) -> dict[str, Object]:
        """The objects of a kind, by their names."""
        return {thing["metadata"]["name"]: thing for thing in self.objects if thing["kind"] == kind}

    def one(self, kind: str, name: str) -> Object:
        return self.of(kind)[name]

    def pods(self) -> Iterator[Pod]:
        for thing in self.objects:
            if thing["kind"] == "Pod":
                metadata = thing["metadata"]
                yield Pod(thing, metadata["labels"], metadata.get("annotations", {}), thing["spec"])
            elif thing["kind"] in {"Deployment", "StatefulSet"}:
                template = thing["spec"]["template"]
                metadata = template["metadata"]
                yield Pod(thing, metadata["labels"], metadata.get("annotations", {}), template["spec"])

    def pod(self, component: str) -> Pod:
        (pod,) = [pod for pod in self.pods() if pod.labels["app.kubernetes.io/component"] == component]
        return pod


@functools.cache
def render(case: str = "", values: str = "{}", *, kinds: tuple[str, ...] = MONITORING) -> Rendered:
    """Render the chart as the release `reports`.

    Args:
        case: a file of `helm/ci` without its ending; empty is the chart's defaults.
        values: more values, as JSON or YAML.
        kinds: what the cluster has beside Kubernetes' own kinds.
    """
    files = ["--values", str(CHART / "ci" / f"{case}.yaml")] if case else []
    more = [
        part for key, value in yaml.safe_load(values).items() for part in ("--set-json", f"{key}={json.dumps(value)}")
    ]
    known = [part for kind in kinds for part in ("--api-versions", kind)]
    text = helm("template", "reports", str(CHART), "--namespace", "csv", *files, *more, *known)
    return Rendered([thing for thing in yaml.safe_load_all(text) if thing])
