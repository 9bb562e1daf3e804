"""The control plane: etcd, the API server, the controllers and the scheduler."""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.keys import Keys
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from tests.cluster.machine import Machine

__all__ = ("DNS_ADDRESS", "SERVICES", "start_control_plane")

SERVICES = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
API_NAMES = ("127.0.0.1", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


def start_control_plane(machine: Machine, programs: Path) -> Keys:
    """Start it and wait until the API server is ready; return the keys."""
    keys = Keys(machine.folder / "keys", machine.address, machine.name, API_NAMES)
    _start_etcd(machine, programs)
    _start_apiserver(machine, programs, keys)
    until(lambda: _is_ready(machine, keys), "the API server", 90)
    _start_controllers(machine, programs, keys)
    machine.start(
        "kube-scheduler",
        str(programs / "kube-scheduler"),
        "--leader-elect=false",
        *_client(keys, "kube-scheduler"),
    )
    return keys


def _start_etcd(machine: Machine, programs: Path) -> None:
    # Nobody else is on the machine's network, and nothing is to survive it.
    machine.start(
        "etcd",
        str(programs / "etcd"),
        f"--data-dir={machine.folder / 'etcd'}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
    )


def _start_apiserver(machine: Machine, programs: Path, keys: Keys) -> None:
    machine.start(
        "kube-apiserver",
        str(programs / "kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={machine.address}",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--token-auth-file={keys.tokens}",
        f"--client-ca-file={keys.authority}",
        f"--tls-cert-file={keys.path('apiserver.crt')}",
        f"--tls-private-key-file={keys.path('apiserver.key')}",
        f"--cert-dir={keys.folder}",
        f"--kubelet-client-certificate={keys.path('kubelet-client.crt')}",
        f"--kubelet-client-key={keys.path('kubelet-client.key')}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.path('apiserver.key')}",
        f"--service-account-signing-key-file={keys.path('apiserver.key')}",
        f"--requestheader-client-ca-file={keys.path('front-proxy-authority.crt')}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys.path('front-proxy.crt')}",
        f"--proxy-client-key-file={keys.path('front-proxy.key')}",
        "--enable-aggregator-routing=true",
        "--allow-privileged=true",
    )


def _start_controllers(machine: Machine, programs: Path, keys: Keys) -> None:
    machine.start(
        "kube-controller-manager",
        str(programs / "kube-controller-manager"),
        *_client(keys, "kube-controller-manager"),
        f"--root-ca-file={keys.authority}",
        f"--service-account-private-key-file={keys.path('apiserver.key')}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        f"--flex-volume-plugin-dir={machine.folder / 'volume-plugins'}",
        # A test waits for minutes less so.
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
    )


def _client(keys: Keys, name: str) -> list[str]:
    config = keys.kubeconfig(name)
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        f"--cert-dir={keys.folder / name}",
    ]


def _is_ready(machine: Machine, keys: Keys) -> bool:
    machine.check()
    trust = ssl.create_default_context(cafile=keys.authority)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    with opener.open(f"{keys.server}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
