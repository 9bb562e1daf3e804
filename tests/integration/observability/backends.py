"""Collector, Jaeger, Prometheus and Redis in a network of their own, with the repository's configurations."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.integration.observability.images import COLLECTOR, CONFIGURATIONS, JAEGER, PROMETHEUS, REDIS, require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ("Backends", "wait_for")

T = TypeVar("T")
WAIT_S = 90.0


def wait_for(look: Callable[[], T], what: str, accept: Callable[[T], object] = bool) -> T:
    """Look again and again until what is seen is accepted, and return it."""
    deadline = time.monotonic() + WAIT_S
    seen: object = None
    while time.monotonic() < deadline:
        try:
            seen = found = look()
        except httpx.TransportError as error:
            seen = error
        else:
            if accept(found):
                return found
        time.sleep(0.2)
    pytest.fail(f"{what}: not after {WAIT_S} s; the last that was seen: {seen!r}")


class Backends:
    """The containers that a test has started; they and what they stored end with it.

    They are as in the deployment: another user, a file system that can't be written to, no capabilities.
    """

    def __init__(self) -> None:
        require(COLLECTOR, JAEGER, PROMETHEUS, REDIS).close()
        self._stack = ExitStack()
        self._network = self._stack.enter_context(Network())
        self._client = self._stack.enter_context(httpx.Client(trust_env=False, timeout=10))

    def end(self) -> None:
        self._stack.close()

    def make_volume(self) -> str:
        """Return the name of a new volume."""
        client = self._stack.enter_context(closing(require()))
        volume = client.volumes.create()
        self._stack.callback(volume.remove)
        return str(volume.name)

    def start_redis(self) -> DockerContainer:
        return self._start(REDIS, "redis", [6379], {})

    def start_jaeger(self, configuration: str = "jaeger.yaml", volume: str | None = None) -> DockerContainer:
        """Start Jaeger, and wait until it is healthy.

        Args:
            configuration: the file's name.
            volume: the name of the volume that is its /tmp; None is memory.
        """
        files: dict[str | Path, str] = {CONFIGURATIONS / configuration: "/etc/jaeger/config.yaml"}
        container = self._start(
            JAEGER,
            "jaeger",
            [4318, 13133, 16686],
            files,
            ["--config", "/etc/jaeger/config.yaml"],
            volumes={"/tmp": volume} if volume else {},
        )
        self._is_up(container, 13133, "/status")
        return container

    def start_collector(self, configuration: Path | None = None, **environment: str) -> DockerContainer:
        """Start the collector, and wait until it is healthy."""
        path = configuration or CONFIGURATIONS / "otel-collector.yaml"
        container = self._start(
            COLLECTOR,
            "otel-collector",
            [4317, 4318, 8888, 9464, 13133],
            {path: "/etc/otelcol-contrib/config.yaml"},
            **environment,
        )
        self._is_up(container, 13133, "/")
        return container

    def start_prometheus(self, configuration: Path) -> DockerContainer:
        """Start Prometheus, and wait until it is ready."""
        files: dict[str | Path, str] = {
            configuration: "/etc/prometheus/prometheus.yml",
            CONFIGURATIONS / "prometheus-rules.yaml": "/etc/prometheus/prometheus-rules.yaml",
        }
        command = [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--enable-feature=exemplar-storage",
        ]
        container = self._start(PROMETHEUS, "prometheus", [9090], files, command)
        self._is_up(container, 9090, "/-/ready")
        return container

    @staticmethod
    def url(container: DockerContainer, port: int) -> str:
        return f"http://127.0.0.1:{container.get_exposed_port(port)}"

    def get(self, container: DockerContainer, port: int, path: str, **parameters: str) -> httpx.Response:
        return self._client.get(self.url(container, port) + path, params=parameters)

    def ask(self, container: DockerContainer, port: int, path: str, **parameters: str) -> Any:
        """Return the data of an answer in JSON, as Jaeger's and Prometheus' APIs give it."""
        answer = self.get(container, port, path, **parameters)
        return answer.json().get("data") if answer.is_success else None

    def _start(
        self,
        image: str,
        name: str,
        ports: list[int],
        files: dict[str | Path, str],
        command: list[str] | None = None,
        volumes: dict[str, str] | None = None,
        **environment: str,
    ) -> DockerContainer:
        container = (
            DockerContainer(image)
            .with_network(self._network)
            .with_network_aliases(name)
            .with_exposed_ports(*ports)
            .with_envs(**environment)
            .with_kwargs(read_only=True, cap_drop=["ALL"], security_opt=["no-new-privileges"])
        )
        for path, inside in files.items():
            container.with_volume_mapping(path, inside, "ro")
        for inside, volume in (volumes or {}).items():
            container.with_volume_mapping(volume, inside, "rw")
        if "/tmp" not in (volumes or {}):
            container.with_tmpfs_mount("/tmp")
        if command is not None:
            container.with_command(command)
        return self._stack.enter_context(container)

    def _is_up(self, container: DockerContainer, port: int, path: str) -> None:
        def log() -> str:
            return b"".join(container.get_logs()).decode()[-3000:]

        def answer() -> str:
            try:
                return "" if self.get(container, port, path).is_success else log()
            except TimeoutError:  # it has ended already
                pytest.fail(f"{container.image} has ended: {log()}")

        wait_for(answer, f"{container.image} answers", lambda problem: not problem)
