"""What runs can do no more than it must."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.stack.deployment import ROOT, Deployment, docker

APP = ("api", "worker-reports", "worker-analysis", "worker-maintenance")
SERVICES = (*APP, "redis", "otel-collector", "jaeger")
PUBLISHED = {"api": "8000/tcp", "jaeger": "16686/tcp"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_confined(deployment: Deployment, service: str) -> None:
    for container in deployment.inspect(service):
        host: dict[str, Any] = container["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert host["Privileged"] is False
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert 0 < host["PidsLimit"] <= 256
        assert 0 < host["Memory"] <= 1300 * 2**20
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
        assert not any("docker.sock" in mount["Source"] for mount in container["Mounts"])
        # What enters the container for a health check is root's until it has become the user's.
        processes = [
            line.split(maxsplit=2)
            for line in docker("top", container["Id"], "-eo", "pid,uid,args").splitlines()[1:]
            if not re.search(r"\brunc( init|:\[)", line)
        ]
        assert processes
        assert "0" not in {uid for _, uid, _ in processes}


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_api_and_jaeger_are_published_to_this_machine_alone(deployment: Deployment, service: str) -> None:
    for container in deployment.inspect(service):
        bound = {
            port: [one["HostIp"] for one in on] for port, on in container["NetworkSettings"]["Ports"].items() if on
        }
        assert bound == ({PUBLISHED[service]: ["127.0.0.1"]} if service in PUBLISHED else {})


@pytest.mark.parametrize("service", APP)
def test_the_app_runs_as_nobody_in_particular_and_can_t_write_its_code(deployment: Deployment, service: str) -> None:
    for container in deployment.inspect(service):
        assert container["Config"]["User"] == "65532:65532"
    writable = "find / -xdev -writable -not -path '/proc/*' -not -path '/dev/*' -not -type l 2>/dev/null || true"
    found = deployment.compose("exec", "-T", service, "sh", "-c", writable).split()
    assert [path for path in found if path.startswith("/app/") and path != "/app/password"] == []


def test_the_broker_wants_its_password_and_shows_it_to_nobody(deployment: Deployment) -> None:
    refused = deployment.compose("exec", "-T", "redis", "redis-cli", "ping")
    assert "NOAUTH" in refused
    assert deployment.redis("ping") == "PONG"
    password = deployment.compose("exec", "-T", "redis", "cat", "/run/password/redis").strip()
    assert len(password) > 40
    seen = "".join(json.dumps(deployment.inspect(service)) for service in (*SERVICES, "password"))
    seen += docker("top", deployment.containers("redis")[0], "-eo", "pid,args")
    seen += deployment.compose("logs")
    assert password not in seen


def test_the_broker_keeps_jobs(deployment: Deployment) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    for name, value in wanted.items():
        assert deployment.redis("config", "get", name).split() == [name, value]


def test_the_broker_s_network_reaches_nothing_outside(deployment: Deployment) -> None:
    script = "import socket; socket.setdefaulttimeout(3); socket.create_connection(('192.0.2.1', 80))"
    with pytest.raises(AssertionError, match="Network is unreachable"):
        deployment.compose("exec", "-T", "worker-reports", "python", "-c", script)


def test_no_secret_is_in_git() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [path for path in tracked if path.startswith("secrets/") or path == ".env"]
    assert (ROOT / "docker" / "nothing").read_bytes() == b""
