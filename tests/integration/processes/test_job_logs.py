"""What is logged while a job runs says which job it is."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.processes.run import Run

FUNCTIONS = {
    "note": "in a job",
    "note_in_thread": "in a thread",
    "note_monitored": "in a monitored thread",
    "fail_once": "in attempt 1",
}
NOTHING = {"job_key": None, "function": None, "queue": None, "attempt": None}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        pytest.param(["a"], {}, id="one"),
        pytest.param([], {}, id="processes"),
        pytest.param([], {"MODE": "threading"}, id="threads"),
    ],
)
async def test_records_carry_their_job(run: Run, arguments: list[str], environment: dict[str, str]) -> None:
    queues = ["--queues", run.queue_name("a")] if arguments else []
    process = run.workers(*queues, app="logs_app:app", **environment)
    name = run.queue_name("a")
    jobs = {function: await run.ended(await run.enqueue(function, retries=2)) for function in FUNCTIONS}
    process.signal(signal.SIGTERM)
    assert await run.exit(process) == 0

    lines = [json.loads(line) for line in (run.directory / "lines.jsonl").read_text().splitlines()]
    said: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        said.setdefault(line.pop("message"), []).append(line)
    for function, where in FUNCTIONS.items():
        of_job = {"job_key": jobs[function].key, "function": function, "queue": name}
        for library in ("standard", "structured"):
            assert said[f"{library} {where}"] == [{**of_job, "attempt": 1}]
            if function == "fail_once":
                assert said[f"{library} in attempt 2"] == [{**of_job, "attempt": 2}]
    for library in ("standard", "structured"):
        assert said[f"{library} in a worker's hook"] == [NOTHING] * 2
        around = said[f"{library} in a job's hook"]
        assert len(around) == 2 * (len(FUNCTIONS) + 1)
        assert {line["job_key"] for line in around} == {job.key for job in jobs.values()}
