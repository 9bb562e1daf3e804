"""One cluster for all tests of this folder.

A test takes `cluster` or `keda`, loads the images of its pods (`load_image`), adds others' custom resources that it
needs (`define`), works in namespaces of its own by `kubectl` and `helm`, and deletes those.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import ROOT, Cluster, missing_tools, own_cluster


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
        yield Cluster(Path(given))
    else:
        pytest.skip("no cluster: set KUBECONFIG")


@pytest.fixture(scope="session")
def keda(cluster: Cluster) -> Cluster:
    """The same cluster, with KEDA; one that was given has it or makes the test skip."""
    cluster.start_keda()
    if "keda.sh/v1alpha1" not in cluster.kubectl("api-versions"):
        pytest.skip("the given cluster has no KEDA")
    return cluster
