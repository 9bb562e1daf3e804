"""One cluster for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import ROOT, Cluster, given_cluster, missing_tools, own_cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.cluster)
        item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster that `.ci/cluster` has made the programs for, else that of `KUBECONFIG`, else a skip."""
    if missing := missing_tools():
        pytest.skip(f"not found: {', '.join(missing)}")
    found = subprocess.run([ROOT / ".ci" / "cluster", "path"], capture_output=True, text=True, check=True)
    programs = Path(found.stdout.strip())
    if programs.is_dir() and os.geteuid() == 0:
        with own_cluster(programs) as running:
            yield running
    elif given := os.environ.get("KUBECONFIG"):
        with given_cluster(Path(given)) as running:
            yield running
    else:
        pytest.skip("no cluster: set KUBECONFIG")
