"""The node: containerd, the pods' network, the kubelet and kube-proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.control_plane import DNS_ADDRESS
from tests.cluster.machine import run
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from tests.cluster.keys import Keys
    from tests.cluster.machine import Machine

__all__ = ("Images", "start_node")

PODS = "10.244.0.0/16"
PAUSE = "docker.io/library/pause:1"
NETWORK_PLUGINS = "/usr/lib/cni"
NETWORK: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
# The images lie in the machine's memory (see its first process): on a disk, removing them takes longer than all else.
CONTAINERD = """
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# A container of this machine may not be root enough to lower it.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{network_plugins}"
conf_dir = "{folder}/network"
"""


class Images:
    """The images of a node's containerd.

    Args:
        socket: the daemon's.
    """

    def __init__(self, socket: Path) -> None:
        self._ctr = ("ctr", f"--address={socket}", "--namespace=k8s.io")

    def answers(self) -> bool:
        run(*self._ctr, "version", within_s=10)
        return True

    def load(self, archive: Path) -> None:
        run(*self._ctr, "images", "import", str(archive))


def start_node(machine: Machine, programs: Path, keys: Keys) -> Images:
    """Start what makes this machine a node; return its images as soon as they may be loaded."""
    images = _start_containerd(machine)
    images.load(programs / "pause.tar")
    _start_kubelet(machine, programs, keys)
    _start_proxy(machine, programs, keys)
    return images


def _start_containerd(machine: Machine) -> Images:
    folder = machine.folder
    (folder / "network").mkdir()
    (folder / "network" / "pods.conflist").write_text(json.dumps(NETWORK))
    socket, config = folder / "containerd.sock", folder / "containerd.toml"
    config.write_text(CONTAINERD.format(folder=folder, socket=socket, pause=PAUSE, network_plugins=NETWORK_PLUGINS))
    machine.start("containerd", "containerd", f"--config={config}")
    images = Images(socket)
    until(images.answers, "containerd", 30)
    return images


def _start_kubelet(machine: Machine, programs: Path, keys: Keys) -> None:
    folder = machine.folder
    names = folder / "resolv.conf"
    names.write_text("")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": keys.authority},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{machine.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "protectKernelDefaults": True,
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(names),
        "volumePluginDir": str(folder / "volume-plugins"),
        # The disk is everybody's; how full it is says nothing about the tests, and no image can be pulled again.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
    }
    file = folder / "kubelet.json"
    file.write_text(json.dumps(config))
    machine.start(
        "kubelet",
        str(programs / "kubelet"),
        f"--config={file}",
        f"--kubeconfig={keys.kubeconfig('kubelet')}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={keys.folder / 'kubelet'}",
        f"--node-ip={machine.address}",
    )


def _start_proxy(machine: Machine, programs: Path, keys: Keys) -> None:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "clientConnection": {"kubeconfig": keys.kubeconfig("kube-proxy")},
        # The table of connections is the whole kernel's.
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    file = machine.folder / "proxy.json"
    file.write_text(json.dumps(config))
    machine.start("kube-proxy", str(programs / "kube-proxy"), f"--config={file}")
