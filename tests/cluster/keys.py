"""Who may call whom: certificates, tokens, and the files that clients read them from."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import trustme

__all__ = ("USERS", "Keys")

# Each client's user and group, as Kubernetes' own roles know them.
USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kubelet": ("system:node:{node}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", ""),
    "coredns": ("system:serviceaccount:kube-system:coredns", "system:serviceaccounts"),
    "metrics-server": ("system:serviceaccount:kube-system:metrics-server", "system:serviceaccounts"),
}


class Keys:
    """The keys of a cluster, in a folder.

    Args:
        folder: where they go.
        address: the API server's.
        node: the node's name.
        names: other names and addresses that the API server is called by.
    """

    def __init__(self, folder: Path, address: str, node: str, names: tuple[str, ...]) -> None:
        folder.mkdir()
        self.folder = folder
        self.server = f"https://{address}:6443"
        self._authority = trustme.CA(organization_name="cluster")
        self._authority.cert_pem.write_to_path(self.authority)
        self._write(self._authority, "apiserver", address, *names)
        self._write(self._authority, "kubelet-client", "apiserver", user="apiserver", group="system:masters")
        # What comes through the API server is believed to be from whom it says, so this is another authority.
        proxy = trustme.CA(organization_name="front proxy")
        proxy.cert_pem.write_to_path(self.path("front-proxy-authority.crt"))
        self._write(proxy, "front-proxy", "front-proxy", user="front-proxy")
        self._write_tokens(node)

    @property
    def authority(self) -> str:
        return self.path("authority.crt")

    @property
    def tokens(self) -> str:
        return self.path("tokens.csv")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def kubeconfig(self, client: str) -> str:
        """Return the path of a client's file."""
        return self.path(f"{client}.kubeconfig")

    def _write(self, authority: trustme.CA, name: str, *identities: str, user: str = "", group: str = "") -> None:
        leaf = authority.issue_cert(*identities, common_name=user or None, organization_name=group or None)
        leaf.cert_chain_pems[0].write_to_path(self.path(f"{name}.crt"))
        leaf.private_key_pem.write_to_path(self.path(f"{name}.key"))

    def _write_tokens(self, node: str) -> None:
        lines = []
        for client, (user, group) in USERS.items():
            token = secrets.token_urlsafe()
            lines.append(f'{token},{user.format(node=node)},{client},"{group}"\n')
            Path(self.kubeconfig(client)).write_text(json.dumps(self._config(token)))
        Path(self.tokens).write_text("".join(lines))

    def _config(self, token: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "tests", "cluster": {"server": self.server, "certificate-authority": self.authority}}
            ],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "current-context": "tests",
        }
