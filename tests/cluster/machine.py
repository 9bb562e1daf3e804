"""A machine within this one: processes, mounts and a network of its own, which end together and leave nothing."""

from __future__ import annotations

import contextlib
import functools
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.cluster.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ("BrokenPartError", "Machine", "run")

CGROUPS = Path("/sys/fs/cgroup")
# What the kubelet would set for the whole kernel; in the machine they read so already, and the kernel keeps its own.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
# The folders are those in which containerd, the kubelet and the network's plugins write whatever they are told.
# Bash stays as the first process, since it reaps what containerd leaves.
FIRST_PROCESS = """
set -e
mount --make-rshared /
for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done
while read -r name value; do
    file=$1/${name//\\//.}
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$name"
done
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link set lo up
hostname "$2"
echo ready
sleep infinity &
wait
"""


class BrokenPartError(Exception):
    """A process of the machine has ended by itself."""


def run(
    *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None, within_s: float = 120.0
) -> str:
    """Run a command; return what it printed, or fail with what it said."""
    ended = subprocess.run(
        arguments, input=stdin, env=env, capture_output=True, text=True, check=False, timeout=within_s
    )
    assert ended.returncode == 0, f"{' '.join(arguments)}: {ended.stdout}{ended.stderr}"
    return ended.stdout


class Machine:
    """A machine that is up as long as its context.

    Args:
        folder: where its files go, which it shares with this machine; the caller removes it.
        name: its host name.

    Attributes:
        address: its own, that this machine reaches it by.
        cgroup: under which the kubelet may make its groups.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._network, self._link = _free_network()
        self.address = f"{self._network}.2"
        self.cgroup = self._link
        self._pid = 0
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    @contextlib.contextmanager
    def up(self) -> Iterator[Machine]:
        with contextlib.ExitStack() as stack:
            stack.callback(self._remove_cgroups)
            self._make_cgroups()
            self._start_first(stack)
            stack.callback(subprocess.run, ["ip", "link", "delete", self._link], check=False, capture_output=True)
            self._connect()
            yield self

    def start(self, part: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Start a process that stays; what it says goes to a file of its name."""
        with self.log(part).open("wb") as log:
            self._parts[part] = subprocess.Popen(
                [*self._enter(), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env
            )

    def run(self, *arguments: str) -> str:
        """Run a command in the machine; return what it printed."""
        return run(*self._enter(), *arguments)

    def log(self, part: str) -> Path:
        return self.folder / f"{part}.log"

    def check(self) -> None:
        """Raise if a process has ended by itself.

        Raises:
            BrokenPartError: the end of its log is in the message.
        """
        for part, process in self._parts.items():
            if process.poll() is not None:
                lines = self.log(part).read_text(errors="replace").splitlines()[-15:]
                raise BrokenPartError("\n".join([f"{part} has ended with {process.returncode}:", *lines]))

    def _start_first(self, stack: contextlib.ExitStack) -> None:
        settings = self.folder / "kernel"
        settings.mkdir()
        # A test run that is killed takes the machine with it.
        ends_with_this = ["setpriv", "--pdeathsig", "KILL"]
        namespaces = ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--net", "--uts", "--ipc"]
        script = ["bash", "-c", FIRST_PROCESS, "machine", str(settings), self.name]
        first = subprocess.Popen(
            [*ends_with_this, *namespaces, *script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.enter_context(first)
        stack.callback(self._stop, first)
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.writelines(f"{name} {value}\n" for name, value in KERNEL_SETTINGS.items())
        first.stdin.close()
        assert first.stdout.readline() == "ready\n", "the machine's first process has failed"
        (child,) = psutil.Process(first.pid).children()
        self._pid = child.pid

    def _stop(self, first: subprocess.Popen[str]) -> None:
        """End the first process: the kernel ends all others and gives up their mounts before it lets go of it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(first.pid).children():
                child.kill()
        first.wait(30)
        for process in self._parts.values():
            process.wait(30)

    def _enter(self) -> list[str]:
        return ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--uts", "--ipc", "--"]

    def _connect(self) -> None:
        gateway = f"{self._network}.1"
        run("ip", "link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", str(self._pid))
        run("ip", "address", "add", f"{gateway}/30", "dev", self._link)
        run("ip", "link", "set", self._link, "up")
        self.run("ip", "address", "add", f"{self.address}/30", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", gateway)

    def _make_cgroups(self) -> None:
        for hierarchy in _hierarchies():
            (hierarchy / self.cgroup).mkdir(exist_ok=True)  # one that was killed leaves it, empty

    def _remove_cgroups(self) -> None:
        for hierarchy in _hierarchies():
            top = hierarchy / self.cgroup
            groups = sorted((group for group in top.rglob("*") if group.is_dir()), reverse=True)
            for group in [*groups, top]:
                # The kernel gives up a group shortly after its last process.
                until(functools.partial(_is_removed, group), f"the end of {group}", 10)


def _hierarchies() -> list[Path]:
    """Return where groups are made: one place, or each controller's of the old kind."""
    if (CGROUPS / "cgroup.procs").exists():
        return [CGROUPS]
    return [folder for folder in CGROUPS.iterdir() if (folder / "cgroup.procs").exists()]


def _is_removed(group: Path) -> bool:
    group.rmdir()
    return True


def _free_network() -> tuple[str, str]:
    """Return a /30 of the range for measurements that no link here has, and the name of a link for it."""
    taken = run("ip", "-4", "-oneline", "address")
    third = random.choice([number for number in range(256) if f" 198.18.{number}." not in taken])
    return f"198.18.{third}", f"cluster{third}"
