"""`litestar workers run`: which queues it runs, and what it refuses."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
from saq import Status

if TYPE_CHECKING:
    from tests.integration.processes.run import Run


@pytest.mark.parametrize(
    ("given", "letters"),
    [
        pytest.param(["--queues", "{a}", "--queues", "{b}"], "ab", id="repeated"),
        pytest.param(["--queues", "{a},{b}"], "ab", id="commas"),
        pytest.param(["--queues", "{a}, {b},", "--queues", "{b}"], "ab", id="spaces and twice"),
        pytest.param(["--queues", "{b}"], "b", id="one"),
        pytest.param([], "ab", id="all"),
    ],
)
async def test_queues_are_chosen(run: Run, given: list[str], letters: str) -> None:
    names = {letter: run.queue_name(letter) for letter in "ab"}
    arguments = [argument.format_map(names) for argument in given]
    process = run.workers(*arguments, METHOD="fork")
    await run.workers_live(1, *letters)
    for letter in letters:
        ended = await run.ended(await run.enqueue("quick", letter))
        assert ended.status == Status.COMPLETE
    assert len(run.events("startup")) == len(letters)
    for letter, name in names.items():
        assert (name in process.stdout) is (letter in letters)
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0


async def test_unknown_queues_are_refused_in_one_line(run: Run) -> None:
    known = f"{run.queue_name('a')}, {run.queue_name('b')}"
    alone = run.workers("--queues", "nosuch")
    among = run.workers("--queues", f"{run.queue_name('a')},other")
    for process, name in ((alone, "nosuch"), (among, "other")):
        assert await run.exit(process) == 2
        assert process.stderr == f"Error: no queue is named {name!r}; configured queues: {known}\n"
        assert process.stdout == ""


async def test_queues_that_run_in_the_application_must_be_named(run: Run) -> None:
    refused = run.workers(IN_LOOP="ab")
    named = run.workers("--queues", run.queue_name("a"), IN_LOOP="ab")
    assert await run.exit(refused) == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "separate_process=False" in refused.stderr
    await run.workers_live(1, "a")
    named.signal(signal.SIGTERM)
    assert await run.exit(named) == 0


async def test_bad_numbers_of_workers_are_refused(run: Run) -> None:
    processes = [run.workers("--workers", number) for number in ("0", "-1", "two")]
    for process in processes:
        assert await run.exit(process) == 2
        assert "--workers" in process.stderr
        assert "Traceback" not in process.output


async def test_an_application_without_the_plugin_has_no_such_command(run: Run) -> None:
    processes = [run.workers(app="plain_app:app"), run.start("--app", "plain_app:app", "workers", "status")]
    for process in processes:
        assert await run.exit(process) == 2
        assert "No such command 'workers'" in process.stderr
        assert "Traceback" not in process.output


async def test_the_number_of_workers_comes_from_the_configuration_unless_given(run: Run) -> None:
    configured = run.workers("--queues", run.queue_name("a"), PROCESSES=2, METHOD="fork")
    given = run.workers("--queues", run.queue_name("b"), "--workers", "1", PROCESSES=2)
    await run.workers_live(2, "a")
    await run.workers_live(1, "b")
    for process in (configured, given):
        process.signal(signal.SIGTERM)
        assert await run.exit(process) == 0


async def test_verbose_and_debug_log_more_and_still_no_arguments(run: Run) -> None:
    quiet = run.workers("--queues", run.queue_name("a"))
    loud = run.workers("-v", "-d", "--queues", run.queue_name("b"))
    for letter in "ab":
        await run.ended(await run.enqueue("quick", letter))
        failed = await run.ended(await run.enqueue("nosuch", letter))
        assert failed.status == Status.FAILED
    for process in (quiet, loud):
        process.signal(signal.SIGINT)
        assert await run.exit(process) == 0
        assert "has no function 'nosuch'; it has: held, held_in_thread, leave, quick" in process.output
    assert "DEBUG" not in quiet.output
    assert "DEBUG" in loud.output


@pytest.mark.parametrize("threads", ["", "ab"])
@pytest.mark.parametrize("letters", ["a", "ab"])
async def test_a_broker_that_does_not_answer_does_not_hold_up_the_end(run: Run, letters: str, threads: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        names = ",".join(run.queue_name(letter) for letter in letters)
        dsn = f"redis://user:secret-of-the-mute@127.0.0.1:{mute.getsockname()[1]}/0"
        process = run.workers("--queues", names, DSN=dsn, METHOD="fork", THREADS=threads)
        mute.settimeout(60)
        connections = [mute.accept()[0]]
        process.signal(signal.SIGTERM)
        assert await run.exit(process) == 0
        for connection in connections:
            connection.close()
    assert "secret-of-the-mute" not in process.output


async def test_a_broker_that_is_down_is_reported_and_tried_again(run: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dsn = f"redis://user:secret-of-nobody@127.0.0.1:{nobody.getsockname()[1]}/0"
        process = run.workers(DSN=dsn, METHOD="fork")
        for letter in "ab":
            await run.says(process, f"queue {run.queue_name(letter)!r} can't be reached")
        process.signal(signal.SIGTERM)
        assert await run.exit(process) == 0
    assert "secret-of-nobody" not in process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("queues", ["a", "ab"])
@pytest.mark.parametrize(("asked", "collects_after"), [(700, 20_000), (50_000, 50_000), (0, 0)])
async def test_a_worker_process_is_made_for_many_jobs(run: Run, queues: str, asked: int, collects_after: int) -> None:
    run.workers("--queues", ",".join(map(run.queue_name, queues)), COLLECTS_AFTER=asked, METHOD="spawn")
    job = await run.ended(await run.enqueue("surroundings"))
    told = dict(job.result)
    told.pop("")
    assert told == {"loop": "uvloop", "frozen": True, "collects_after": collects_after}
