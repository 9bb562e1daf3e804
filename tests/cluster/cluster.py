"""The cluster as a test drives it: by kubectl and by helm."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.addons import answers_names, start_addons
from tests.cluster.control_plane import start_control_plane
from tests.cluster.machine import Machine, run
from tests.cluster.node import start_node
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("ROOT", "Cluster", "given_cluster", "missing_tools", "own_cluster")

ROOT = Path(__file__).parents[2]


class Cluster:
    """A running cluster.

    Args:
        kubeconfig: the administrator's file.
        load: takes the archive of an image; None where nodes pull from a registry.
        definitions: the folder with others' custom resources; None where the cluster is not ours to add them to.
    """

    def __init__(
        self, kubeconfig: Path, load: Callable[[Path], None] | None = None, definitions: Path | None = None
    ) -> None:
        self.kubeconfig = kubeconfig
        self._load = load
        self._definitions = definitions
        self._loaded: set[tuple[str, str]] = set()
        self._env = {**_environment(), "KUBECONFIG": str(kubeconfig)}

    def kubectl(self, *arguments: str, stdin: str | None = None, within_s: float = 300.0) -> str:
        """Run a command of kubectl; return what it printed, or fail with what it said."""
        return run("kubectl", *arguments, stdin=stdin, env=self._env, within_s=within_s)

    def helm(self, *arguments: str, stdin: str | None = None, within_s: float = 300.0) -> str:
        """Run a command of helm; return what it printed, or fail with what it said."""
        return run("helm", *arguments, stdin=stdin, env=self._env, within_s=within_s)

    def load_image(self, name: str) -> None:
        """Put an image of the local Docker engine onto the node, unless it is there.

        Pods name it as Docker does, with `imagePullPolicy: IfNotPresent` where the tag is `latest`.
        """
        image = (name, run("docker", "image", "inspect", "--format={{.Id}}", name))
        if self._load is None or image in self._loaded:
            return
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "image.tar")
            run("docker", "save", f"--output={archive}", name)
            self._load(archive)
        self._loaded.add(image)

    def define(self, owner: str) -> None:
        """Add the custom resources of `keda`, `prometheus` or `gateway`; their controllers are not there.

        Does nothing in a cluster that was given.
        """
        if self._definitions is not None:
            # Some are larger than what an applied resource may be annotated with.
            applied = self.kubectl(
                "apply", "--server-side", f"--filename={self._definitions / owner}", "--output=name"
            ).split()
            self.kubectl("wait", "--for=condition=Established", *applied)


@contextlib.contextmanager
def own_cluster(programs: Path) -> Iterator[Cluster]:
    """Start a cluster of one node on this machine, which is root's to do; nothing is left of it in the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        machine = stack.enter_context(Machine(folder, "node").up())
        keys = start_control_plane(machine, programs)
        images = start_node(machine, programs, keys)
        cluster = Cluster(Path(keys.kubeconfig("admin")), images.load, programs / "definitions")
        start_addons(machine, programs, keys, cluster.kubectl)
        until(lambda: _is_up(machine, cluster), "the cluster", 120)
        yield cluster
        machine.check()


@contextlib.contextmanager
def given_cluster(kubeconfig: Path) -> Iterator[Cluster]:
    """Use a cluster that is there; the images must be where its nodes find them."""
    yield Cluster(kubeconfig)


def _environment() -> dict[str, str]:
    """Return the environment in which kubectl and helm are found, the project's own ones first."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "HELM_"))}
    env["PATH"] = os.pathsep.join([str(ROOT / ".venv" / "tools"), env.get("PATH", os.defpath)])
    # The cluster is on this machine.
    env["NO_PROXY"] = env["no_proxy"] = "*"
    return env


def missing_tools() -> list[str]:
    path = _environment()["PATH"]
    return [name for name in ("kubectl", "helm") if shutil.which(name, path=path) is None]


def _is_up(machine: Machine, cluster: Cluster) -> bool:
    """Whether the node is ready, names resolve, and figures are there: without those no namespace is deleted."""
    machine.check()
    assert answers_names(machine), "CoreDNS is not ready"
    _require(cluster, "nodes", "Ready")
    _require(cluster, "apiservices", "Available")
    return True


def _require(cluster: Cluster, kind: str, condition: str) -> None:
    found = json.loads(cluster.kubectl("get", kind, "--output=json"))["items"]
    assert found, f"no {kind}"
    for item in found:
        is_so = [one["status"] == "True" for one in item["status"].get("conditions", []) if one["type"] == condition]
        assert is_so == [True], f"{item['metadata']['name']}: {item['status']}"
