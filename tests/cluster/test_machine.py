"""What the machine of the cluster leaves behind: nothing."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tests.cluster.machine import BrokenPartError, Machine, run
from tests.cluster.waiting import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces are root's to make")


def _traces(machine: Machine) -> list[str]:
    """Return what this machine has of the other one."""
    groups = [str(group) for group in Path("/sys/fs/cgroup").glob(f"**/{machine.cgroup}")]
    links = [link.name for link in Path("/sys/class/net").iterdir() if link.name == machine.cgroup]
    processes = [process.name() for process in psutil.process_iter() if _names(process, machine)]
    return groups + links + processes + [line for line in run("mount").splitlines() if str(machine.folder) in line]


def _names(process: psutil.Process, machine: Machine) -> bool:
    try:
        return any(str(machine.folder) in argument for argument in process.cmdline())
    except psutil.Error:
        return False


def test_everything_ends_with_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "short-lived")
    with machine.up():
        machine.start("left", "bash", "-c", f"setsid sleep 1000 & exec tail -f /dev/null {tmp_path}/kernel/*")
        machine.run("mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "kernel"))
        group = Path("/sys/fs/cgroup/memory") / machine.cgroup / "pods" / "one"
        if group.parents[1].is_dir():
            group.mkdir(parents=True)
        assert len(_traces(machine)) > 1
        assert machine.run("hostname") == "short-lived\n"
    until(lambda: not _traces(machine), "the end of everything", 10)


def test_a_part_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Machine(tmp_path, "broken").up() as machine:
        machine.start("part", "bash", "-c", "echo last words; exit 3")
        with pytest.raises(BrokenPartError, match=r"(?s)part has ended with 3.*last words"):
            until(machine.check, "its end", 10)
