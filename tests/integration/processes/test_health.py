"""`python -m litestar_saq.health` tells of the workers that run here, and of no others."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.processes.run import Run

LAYOUTS = [("a", "1", ""), ("ab", "2", ""), ("ab", "1", "ab")]


async def health(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code, and what it said on either stream."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "litestar_saq.health", str(folder), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def is_healthy(run: Run, folder: Path, *arguments: str, healthy: bool = True, says: str = "") -> str:
    """Wait until the command says so."""
    answers: list[tuple[int, str]] = []

    async def holds() -> bool:
        answers[:] = [await health(folder, *arguments)]
        return answers[0][0] == (0 if healthy else 1) and says in answers[0][1]

    await run.until(holds, f"healthy {healthy}")
    return answers[0][1]


@pytest.mark.parametrize(("letters", "workers", "threads"), LAYOUTS)
async def test_each_worker_is_told_of_until_it_ends(
    run: Run, tmp_path: Path, letters: str, workers: str, threads: str
) -> None:
    folder = tmp_path / "made" / "health"
    names = ",".join(run.queue_name(letter) for letter in letters)
    process = run.workers("--queues", names, "--workers", workers, HEALTH=folder, THREADS=threads)
    await run.workers_live(int(workers), *letters)
    said = await is_healthy(run, folder, "--ready")
    for letter in letters:
        assert said.count(f"of queue '{run.queue_name(letter)}': running") == int(workers)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0
    assert list(folder.iterdir()) == []
    assert await health(folder) == (1, f"no worker that keeps a file in {folder} runs\n")


async def test_a_worker_whose_loop_hangs_is_told_of(run: Run, tmp_path: Path) -> None:
    process = run.workers("--queues", run.queue_name("a"), HEALTH=tmp_path)
    await run.workers_live(1, "a")
    process.signal(signal.SIGSTOP)
    said = await is_healthy(run, tmp_path, "--max-age", "3", healthy=False)
    assert "no sign of life for" in said
    assert "3 s at most are accepted" in said
    process.signal(signal.SIGCONT)
    await is_healthy(run, tmp_path, "--max-age", "3")


async def test_what_a_killed_worker_has_left_is_no_worker(run: Run, tmp_path: Path) -> None:
    process = run.workers("--queues", run.queue_name("a"), HEALTH=tmp_path)
    await run.workers_live(1, "a")
    process.kill()
    assert len(list(tmp_path.glob("*.worker"))) == 1
    code, said = await health(tmp_path)
    assert (code, said) == (1, f"no worker that keeps a file in {tmp_path} runs\n")
    run.workers("--queues", run.queue_name("a"), HEALTH=tmp_path)
    await is_healthy(run, tmp_path)


async def test_a_worker_that_ends_lives_and_takes_no_jobs(run: Run, tmp_path: Path) -> None:
    process = run.workers("--queues", run.queue_name("a"), HEALTH=tmp_path)
    await run.enqueue("held")
    await run.told("started")
    process.signal(signal.SIGTERM)
    await is_healthy(run, tmp_path, "--ready", healthy=False, says="takes no jobs, it is ending")
    assert (await health(tmp_path))[0] == 0
    run.release()
    assert await run.exit(process) == 0


async def test_a_worker_whose_broker_is_away_lives_and_takes_no_jobs(run: Run, tmp_path: Path) -> None:
    process = run.workers("--queues", run.queue_name("a"), HEALTH=tmp_path, DSN=f"unix://{tmp_path}/nobody")
    await is_healthy(run, tmp_path, "--ready", healthy=False, says="takes no jobs, it is ")
    assert (await health(tmp_path))[0] == 0
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_a_folder_that_can_t_be_made_is_named(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "file" / "health"
    folder.parent.write_text("")
    process = run.workers("--queues", run.queue_name("a"), HEALTH=folder)
    assert await run.exit(process) == 1
    assert f"{folder}{os.sep}" in process.output
    assert "can't be made (SAQConfig.health_dir)" in process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "inf", "nan"])
async def test_an_age_that_is_none_is_refused(tmp_path: Path, seconds: str) -> None:
    code, said = await health(tmp_path, f"--max-age={seconds}")
    assert code == 2
    assert f"{seconds!r} is not accepted: seconds above 0" in said
    assert "Traceback" not in said
