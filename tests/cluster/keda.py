"""KEDA, which scales by what is outside of the cluster's figures: a list in Redis."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.cluster.control_plane import DNS_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.keys import Keys
    from tests.cluster.machine import Machine

__all__ = ("start_keda",)


def start_keda(machine: Machine, programs: Path, keys: Keys, kubectl: Callable[..., str]) -> None:
    """Start its processes and create their resources; neither is waited for. Its definitions have to be there."""
    # Scalers call services by their names.
    names = machine.folder / "keda-resolv.conf"
    names.write_text(f"nameserver {DNS_ADDRESS}\nsearch svc.cluster.local cluster.local\n")
    machine.run("mount", "--bind", str(names), "/etc/resolv.conf")
    resources = Path(__file__).with_name("keda.yaml").read_text()
    kubectl("apply", "--filename=-", stdin=resources.replace("ADDRESS", machine.address))
    certificates = _certificates(machine)
    config = keys.kubeconfig("admin")
    environment = {
        **os.environ,
        "KUBECONFIG": config,
        "WATCH_NAMESPACE": "",
        "POD_NAMESPACE": "keda",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
    }
    machine.start(
        "keda-operator",
        str(programs / "keda-operator"),
        f"--cert-dir={certificates}",
        "--enable-prometheus-metrics=false",
        env=environment,
    )
    machine.start(
        "keda-adapter",
        str(programs / "keda-adapter"),
        f"--lister-kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--metrics-service-address={machine.address}:9666",
        f"--cert-dir={certificates}",
        f"--tls-cert-file={certificates / 'tls.crt'}",
        f"--tls-private-key-file={certificates / 'tls.key'}",
        "--secure-port=6444",
        env=environment,
    )


def _certificates(machine: Machine) -> Path:
    """Make the one certificate by which the two know each other."""
    folder = machine.folder / "keda"
    folder.mkdir()
    authority = trustme.CA(organization_name="keda")
    leaf = authority.issue_cert(machine.address)
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "tls.crt"))
    leaf.private_key_pem.write_to_path(str(folder / "tls.key"))
    return folder
