"""What a cluster has beyond Kubernetes itself: names, figures for scaling, volumes."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.control_plane import DNS_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.keys import Keys
    from tests.cluster.machine import Machine

__all__ = ("answers_names", "start_addons")

VOLUMES = 50
COREFILE = """
.:53 {{
    errors
    ready
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
    }}
    cache 5
}}
"""


def start_addons(machine: Machine, programs: Path, keys: Keys, kubectl: Callable[..., str]) -> None:
    """Create the resources and start the processes, which are not waited for."""
    resources = Path(__file__).with_name("addons.yaml").read_text()
    kubectl("apply", "--filename=-", stdin=resources.replace("ADDRESS", machine.address).replace("DNS", DNS_ADDRESS))
    kubectl("apply", f"--filename={programs / 'definitions' / 'metrics-server'}")
    kubectl("apply", "--filename=-", stdin=json.dumps(_volumes(machine)))
    # They end at once where they may not read what they need.
    _start_names(machine, programs, keys)
    _start_metrics(machine, programs, keys)


def answers_names(machine: Machine) -> bool:
    """Whether CoreDNS has seen what is in the cluster."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{machine.address}:8181/ready", timeout=5) as answer:
        return bool(answer.status == 200)


def _start_names(machine: Machine, programs: Path, keys: Keys) -> None:
    file = machine.folder / "Corefile"
    file.write_text(COREFILE.format(kubeconfig=keys.kubeconfig("coredns")))
    machine.start("coredns", str(programs / "coredns"), f"-conf={file}")


def _start_metrics(machine: Machine, programs: Path, keys: Keys) -> None:
    config = keys.kubeconfig("metrics-server")
    machine.start(
        "metrics-server",
        str(programs / "metrics-server"),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--cert-dir={keys.folder / 'metrics-server'}",
        "--secure-port=4443",
        "--kubelet-insecure-tls",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",
    )


def _volumes(machine: Machine) -> dict[str, Any]:
    """Make volumes in advance, each for one claim: a claim that is deleted leaves its volume released, not free."""
    folders = [machine.folder / "volumes" / f"volume-{number}" for number in range(VOLUMES)]
    for folder in folders:
        folder.mkdir(parents=True)
    return {"apiVersion": "v1", "kind": "List", "items": [_volume(folder, machine.name) for folder in folders]}


def _volume(folder: Path, node: str) -> dict[str, Any]:
    """Describe a volume of the node's disk, whose owner follows a pod's `fsGroup` as on a real one."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name},
        "spec": {
            "storageClassName": "standard",
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
