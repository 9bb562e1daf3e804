"""The cluster as a test drives it: by kubectl and by helm."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.addons import answers_names, start_addons
from tests.cluster.control_plane import start_control_plane
from tests.cluster.keda import start_keda
from tests.cluster.machine import Machine, run
from tests.cluster.node import Images, start_node
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.keys import Keys

__all__ = ("ROOT", "Cluster", "missing_tools", "own_cluster")

ROOT = Path(__file__).parents[2]
# By which kubectl and helm are told where to keep things.
KEPT = ("KUBECACHEDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")


@dataclass(frozen=True)
class Parts:
    """What a cluster of ours is made of."""

    machine: Machine
    programs: Path
    keys: Keys
    images: Images


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Args:
        kubeconfig: the administrator's file.
        parts: None where the cluster was given: its nodes pull their images, and its administrator adds what it has.
    """

    kubeconfig: Path
    parts: Parts | None = None
    _loaded: set[tuple[str, str]] = field(default_factory=set)

    def kubectl(self, *arguments: str, stdin: str | None = None, within_s: float = 300.0) -> str:
        """Run a command of kubectl; return what it printed, or fail with what it said."""
        return run("kubectl", *arguments, stdin=stdin, env=self._environment(), within_s=within_s)

    def helm(self, *arguments: str, stdin: str | None = None, within_s: float = 300.0) -> str:
        """Run a command of helm; return what it printed, or fail with what it said."""
        return run("helm", *arguments, stdin=stdin, env=self._environment(), within_s=within_s)

    def load_image(self, name: str) -> None:
        """Put an image of the local Docker engine onto the node, unless it is there.

        Pods name it as Docker does; where its tag is `latest` they need `imagePullPolicy: IfNotPresent`.
        """
        if self.parts is None:
            return
        image = (name, run("docker", "image", "inspect", "--format={{.Id}}", name))
        if image in self._loaded:
            return
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "image.tar")
            run("docker", "save", f"--output={archive}", name)
            self.parts.images.load(archive)
        self._loaded.add(image)

    def define(self, owner: str) -> None:
        """Add the custom resources of `keda`, `prometheus` or `gateway`, without their controllers."""
        if self.parts is None:
            return
        folder = self.parts.programs / "definitions" / owner
        # Some are larger than what an applied resource may be annotated with.
        applied = self.kubectl("apply", "--server-side", f"--filename={folder}", "--output=name").split()
        self.kubectl("wait", "--for=condition=Established", *applied)

    def start_keda(self) -> None:
        """Add KEDA, definitions included, and wait until it answers; call it once."""
        if self.parts is None:
            return
        self.define("keda")
        start_keda(self.parts.machine, self.parts.programs, self.parts.keys, self.kubectl)
        until(self.is_up, "KEDA", 180)

    def is_up(self) -> bool:
        """Whether nodes are ready and services of the API there; without those no namespace is deleted."""
        if self.parts is not None:
            self.parts.machine.check()
            assert answers_names(self.parts.machine), "CoreDNS is not ready"
        self._require("nodes", "Ready")
        self._require("apiservices", "Available")
        return True

    def _require(self, kind: str, condition: str) -> None:
        found = json.loads(self.kubectl("get", kind, "--output=json"))["items"]
        assert found, f"no {kind}"
        for item in found:
            met = [one["status"] == "True" for one in item["status"].get("conditions", []) if one["type"] == condition]
            assert met == [True], f"{item['metadata']['name']}: {item['status']}"

    def _environment(self) -> dict[str, str]:
        env = {**_environment(), "KUBECONFIG": str(self.kubeconfig)}
        if self.parts is None:
            return env
        # No proxy leads to a cluster of this machine, and what is kept of it must not be taken for the next one's.
        kept = {name: str(self.parts.machine.folder / name) for name in KEPT}
        return {**env, **kept, "NO_PROXY": "*", "no_proxy": "*"}


@contextlib.contextmanager
def own_cluster(programs: Path) -> Iterator[Cluster]:
    """Start a cluster of one node on this machine, which is root's to do; nothing is left of it in the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        machine = stack.enter_context(Machine(folder, "node").up())
        keys = start_control_plane(machine, programs)
        images = start_node(machine, programs, keys)
        cluster = Cluster(Path(keys.kubeconfig("admin")), Parts(machine, programs, keys, images))
        start_addons(machine, programs, keys, cluster.kubectl)
        until(cluster.is_up, "the cluster", 120)
        yield cluster
        machine.check()


def missing_tools() -> list[str]:
    """Return which of kubectl and helm are not found."""
    path = _environment()["PATH"]
    return [name for name in ("kubectl", "helm") if shutil.which(name, path=path) is None]


def _environment() -> dict[str, str]:
    """Return the environment of kubectl and helm, in which the project's own ones come first."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "HELM_"))}
    env["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "tools"), env.get("PATH", os.defpath)])
    return env
