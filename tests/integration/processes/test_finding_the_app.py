"""Worker processes find the application however the command was told where it is."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from saq import Status

if TYPE_CHECKING:
    from tests.integration.processes.run import Run

every_method = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
RUN = ("workers", "run")


@pytest.mark.parametrize(
    ("arguments", "environment", "module"),
    [
        pytest.param(["--app", "elsewhere.elsewhere_app:app"], {}, "elsewhere.elsewhere_app", id="app"),
        pytest.param([], {"LITESTAR_APP": "elsewhere.elsewhere_app:app"}, "elsewhere.elsewhere_app", id="environment"),
        pytest.param(["--app", "elsewhere.elsewhere_app:application"], {}, "elsewhere.elsewhere_app", id="factory"),
        pytest.param(["--app", "elsewhere_app:app", "--app-dir", "elsewhere"], {}, "elsewhere_app", id="app-dir"),
        pytest.param(
            ["--app", "elsewhere.elsewhere_app:app"], {"LITESTAR_APP": "jobs_app:app"}, "elsewhere.elsewhere_app",
            id="app-over-environment",
        ),
        pytest.param([], {}, "app", id="autodiscovery"),
    ],
)  # fmt: skip
@every_method
async def test_the_app_is_found(
    run: Run, arguments: list[str], environment: dict[str, str], module: str, method: str
) -> None:
    if module == "app":
        shutil.copy(run.directory / "elsewhere" / "elsewhere_app.py", run.directory / "app.py")
    process = run.start(*arguments, *RUN, METHOD=method, **environment)
    for letter in "ab":
        ended = await run.ended(await run.enqueue("whoami", letter))
        assert (ended.status, ended.result) == (Status.COMPLETE, f"{module} True"), ended.error
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_a_discovered_factory_is_found_by_children_that_import_it_again(run: Run) -> None:
    source = (run.directory / "closures_app.py").read_text()
    (run.directory / "application.py").write_text(source)
    process = run.start(*RUN, METHOD="spawn")
    ended = await run.ended(await run.enqueue("multiply", "b", kwargs={"n": 3}))
    assert ended.result == 300
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


@every_method
async def test_tasks_hooks_and_brokers_need_not_be_picklable(run: Run, method: str) -> None:
    process = run.workers(app="closures_app:create_app", METHOD=method)
    await run.told("startup", times=2)
    for letter, factor in (("a", 10), ("b", 100)):
        product = await run.ended(await run.enqueue("multiply", letter, kwargs={"n": 3}))
        negative = await run.ended(await run.enqueue("negate", letter, kwargs={"n": 3}))
        assert (product.result, negative.result) == (3 * factor, -3), (product.error, negative.error)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
