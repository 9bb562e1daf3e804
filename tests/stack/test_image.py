"""The image: how it is built, and what is in it."""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from tests.stack.deployment import ROOT, docker

BASE = "python:3.13-slim-trixie"
EPOCH = ("--build-arg", "SOURCE_DATE_EPOCH=1767225600")
MOST_BYTES = 200_000_000
"""What the image may add to its base."""
TAGGED = "litestar-saq-image-test"


def build(context: Path, *arguments: str, tag: str = TAGGED) -> dict[str, Any]:
    """Build the image; return what the engine says of it."""
    docker("build", "--quiet", *EPOCH, "--file", "docker/Dockerfile", "--tag", tag, *arguments, ".", cwd=context)
    (image,) = json.loads(docker("image", "inspect", tag))
    return dict(image)


@pytest.fixture(scope="module")
def image(engine: None) -> Iterator[dict[str, Any]]:
    # Not from the cache: of layers that several builds at once have made, an engine may order the files another way.
    yield build(ROOT, "--no-cache")
    docker("image", "rm", "--force", TAGGED)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the image is built from."""
    for name in ("docker", "requirements", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".dockerignore", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def test_building_it_again_makes_the_same_image(image: dict[str, Any], checkout: Path) -> None:
    again = build(checkout, "--no-cache", tag=f"{TAGGED}-again")
    docker("image", "rm", "--force", f"{TAGGED}-again")
    assert again["RootFS"] == image["RootFS"]
    assert again["Id"] == image["Id"]


def test_a_change_of_the_source_keeps_the_layer_of_the_dependencies(image: dict[str, Any], checkout: Path) -> None:
    with (checkout / "src" / "reference_app" / "tasks.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    changed = build(checkout, tag=f"{TAGGED}-changed")
    docker("image", "rm", "--force", f"{TAGGED}-changed")
    assert changed["RootFS"]["Layers"][:-2] == image["RootFS"]["Layers"][:-2]
    assert changed["RootFS"]["Layers"] != image["RootFS"]["Layers"]


def test_it_adds_no_more_than_it_may(image: dict[str, Any]) -> None:
    (base,) = json.loads(docker("image", "inspect", BASE))
    assert 0 < image["Size"] - base["Size"] < MOST_BYTES


def test_it_says_what_it_is_and_runs_as_a_numeric_user(image: dict[str, Any]) -> None:
    labels = image["Config"]["Labels"]
    assert {f"org.opencontainers.image.{name}" for name in ("title", "licenses", "version", "revision")} <= set(labels)
    assert image["Config"]["User"] == "65532:65532"
    assert image["Config"].get("Healthcheck") is None
    assert image["Config"]["Cmd"][0] == "litestar"
    assert not image["Config"].get("Entrypoint")


def test_nothing_in_it_builds_or_can_be_written(image: dict[str, Any]) -> None:
    script = "for tool in pip gcc make; do command -v /app/venv/bin/$tool; done; find /app -writable -not -type l"
    assert docker("run", "--rm", TAGGED, "sh", "-c", script).split() == ["/app/password"]


NAME = "mirror.test"


class Mirror:
    """A package index that only who knows its certificate reaches."""

    def __init__(self, folder: Path, host: str) -> None:
        authority = trustme.CA()
        self.certificate = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.certificate))
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder / "index"))
        self._server = http.server.ThreadingHTTPServer((host, 0), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(NAME).configure_cert(context)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"{NAME}:{host}"
        self.url = f"https://{NAME}:{self._server.server_port}/simple"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirror(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    folder = tmp_path_factory.mktemp("mirror")
    wheels = folder / "wheels"
    requirements = [f"--requirement={ROOT}/requirements/{name}.txt" for name in ("image", "wheel")]
    # The wheels that the image's Python takes; this test's own may be another one.
    target = ["--python-version=3.13", "--only-binary=:all:", "--no-deps"]
    download = [sys.executable, "-m", "pip", "download", "--quiet", *target, f"--dest={wheels}", *requirements]
    subprocess.run(download, check=True, timeout=300)
    for wheel in wheels.iterdir():
        name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        (folder / "index" / "simple" / name).mkdir(parents=True, exist_ok=True)
        wheel.rename(folder / "index" / "simple" / name / wheel.name)
    networks = json.loads(docker("network", "inspect", "bridge"))
    with Mirror(folder, networks[0]["IPAM"]["Config"][0]["Gateway"]) as running:
        yield running


def test_it_builds_from_a_mirror_that_stays_out_of_it(image: dict[str, Any], mirror: Mirror, checkout: Path) -> None:
    secret = f"pw{uuid.uuid4().hex}"
    address = mirror.url.replace("https://", f"https://user:{secret}@")
    host = ("--add-host", mirror.host, "--build-arg", f"PIP_INDEX_URL={address}")
    given = ("--secret", f"id=index_ca,src={mirror.certificate}", *host)
    mirrored = build(checkout, "--no-cache", *given, tag=f"{TAGGED}-mirrored")
    history = docker("image", "history", "--no-trunc", "--format", "{{.CreatedBy}}", f"{TAGGED}-mirrored")
    docker("image", "rm", "--force", f"{TAGGED}-mirrored")
    # The very same image: neither address nor certificate is anywhere in it.
    assert mirrored["Id"] == image["Id"]
    assert secret not in history + json.dumps(mirrored)
    with pytest.raises(AssertionError, match="failed to solve"):
        build(checkout, "--no-cache", *host, tag=f"{TAGGED}-refused")
