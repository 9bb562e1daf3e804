"""The images that `compose.yaml` names, and programs in them that are run once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.client import DockerClient
from docker.errors import ContainerError, DockerException, ImageNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("COLLECTOR", "CONFIGURATIONS", "DOCKER", "JAEGER", "PROMETHEUS", "REDIS", "changed", "require", "run_once")

COLLECTOR = "otel/opentelemetry-collector-contrib:0.158.0"
JAEGER = "jaegertracing/jaeger:2.13.0"
PROMETHEUS = "prom/prometheus:v3.16.0"
REDIS = "redis:8"

CONFIGURATIONS = Path(__file__).parents[3] / "helm" / "files"
"""What compose and the chart share."""
DOCKER = CONFIGURATIONS.parents[1] / "docker"
"""What is compose's alone."""


def changed(folder: Path, original: Path, **values: str) -> Path:
    """Return a copy of a configuration in which each of these keys has another value."""
    text = original.read_text()
    for key, value in values.items():
        text, found = re.subn(rf"^( *{key}): .*$", rf"\1: {value}", text, flags=re.MULTILINE)
        assert found, f"no {key} in {original.name}"
    copy = folder / original.name
    copy.write_text(text)
    return copy


def require(*images: str) -> DockerClient:
    """Return Docker's client; skip the test where there is no engine, or an image neither is there nor can be had."""
    if not Path("/var/run/docker.sock").exists():  # its client would leave a socket open
        pytest.skip("there is no Docker")
    try:
        client = DockerClient.from_env()
        for image in images:
            try:
                client.images.get(image)
            except ImageNotFound:
                client.images.pull(image)
    except DockerException as error:
        pytest.skip(f"Docker does not give {', '.join(images)}: {error}")
    return client


def run_once(
    image: str,
    command: list[str],
    files: Mapping[Path, str],
    *,
    entrypoint: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[bool, str]:
    """Run a program of an image; return whether its exit code is 0, and what it wrote.

    Args:
        image: the image.
        command: the arguments.
        files: where each file, or folder, is in the container.
        entrypoint: the program, if it is not the image's own.
        environment: its environment.
    """
    client = require(image)
    try:
        output = client.containers.run(
            image,
            command,
            entrypoint=entrypoint,
            environment=dict(environment or {}),
            volumes=[f"{path}:{inside}:ro" for path, inside in files.items()],
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            tmpfs={"/tmp": ""},
            remove=True,
            stdout=True,
            stderr=True,
        )
    except ContainerError as error:
        return False, error.stderr.decode() if isinstance(error.stderr, bytes) else str(error.stderr)
    finally:
        client.close()
    return True, output.decode()
