"""The demo as its user runs it: a process, its output, its exit code, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from demo.stack import QUEUES

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 100

PEOPLE = 'name,age,height,joined\nAda,36,1.5,2024-01-02\n"Grace, H.",45,,2024-01-02\n"Zoë\nB.",,1.75,2023-05-06\n'
COLUMNS = [
    {
        "name": "name",
        "type": "string",
        "count": 3,
        "nulls": 0,
        "distinct": 3,
        "min": "Ada",
        "max": "Zoë\nB.",
        "mean": None,
        "top": [{"value": value, "count": 1} for value in ("Ada", "Grace, H.", "Zoë\nB.")],
    },
    {
        "name": "age",
        "type": "integer",
        "count": 2,
        "nulls": 1,
        "distinct": 2,
        "min": 36,
        "max": 45,
        "mean": 40.5,
        "top": [{"value": 36, "count": 1}, {"value": 45, "count": 1}],
    },
    {
        "name": "height",
        "type": "number",
        "count": 2,
        "nulls": 1,
        "distinct": 2,
        "min": 1.5,
        "max": 1.75,
        "mean": 1.625,
        "top": [{"value": 1.5, "count": 1}, {"value": 1.75, "count": 1}],
    },
    {
        "name": "joined",
        "type": "date",
        "count": 3,
        "nulls": 0,
        "distinct": 2,
        "min": "2023-05-06",
        "max": "2024-01-02",
        "mean": None,
        "top": [{"value": "2024-01-02", "count": 2}, {"value": "2023-05-06", "count": 1}],
    },
]


class Demo:
    """A running demo; everything that it starts carries its folder in the environment."""

    def __init__(self, folder: Path, *arguments: str | Path, **env: str) -> None:
        self._mark = {"TMPDIR": str(folder)}
        self._folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | self._mark | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit code, its standard output and error."""
        output, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, output, errors

    def wait_for(self, pattern: str, *, errors: bool = False) -> str:
        """Read up to a line that matches; return its first group, or all of the match."""
        stream = self.process.stderr if errors else self.process.stdout
        assert stream is not None
        watchdog = threading.Timer(TIMEOUT_S, self.process.kill)
        watchdog.start()
        try:
            lines = []
            for line in stream:
                lines.append(line)
                if match := re.search(pattern, line):
                    return match[match.lastindex or 0]
        finally:
            watchdog.cancel()
        pytest.fail(f"no line matches {pattern!r}:\n{''.join(lines)}")

    def left(self) -> list[str]:
        """Return what is left of it: processes and files."""
        found = [" ".join(process.cmdline()) for process in psutil.process_iter() if self._is_ours(process)]
        return found + [str(path) for path in self._folder.iterdir()]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return self._mark.items() <= process.environ().items() and process.pid != os.getpid()
        except psutil.Error:
            return False

    def end(self) -> None:
        """End it, whatever the test came to."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        demo.end()


@pytest.fixture
def run_demo(demos: list[Demo], tmp_path_factory: pytest.TempPathFactory) -> Any:
    def run(*arguments: str | Path, **env: str) -> Demo:
        demos.append(Demo(tmp_path_factory.mktemp("demo"), "--port", "0", *arguments, **env))
        return demos[-1]

    return run


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def test_once_with_json_writes_the_report_and_nothing_else(run_demo: Any, people: Path) -> None:
    demo = run_demo("--once", "--json", people)
    code, output, errors = demo.finish()
    assert code == 0, errors
    report = json.loads(output)
    assert output.count("\n") == 1
    assert re.fullmatch("[0-9a-f]{32}", report.pop("trace_id"))
    assert report.pop("id")
    assert report == {"status": "complete", "progress": 1.0, "rows": 3, "columns": COLUMNS, "error": None}
    assert "POST /reports  SERVER" in errors
    assert demo.left() == []


def test_once_shows_the_table_and_the_whole_trace(run_demo: Any, people: Path) -> None:
    # None of the user's own settings may keep the spans from us.
    proxy = "http://127.0.0.1:9"
    demo = run_demo("--once", people, OTEL_SDK_DISABLED="true", HTTP_PROXY=proxy, http_proxy=proxy, ALL_PROXY=proxy)
    code, output, errors = demo.finish()
    assert code == 0, errors
    assert "people.csv: 3 rows" in output
    for column in ("name", "age", "height", "joined"):
        assert re.search(rf"^\s*{column}\s+(string|integer|number|date) ", output, re.MULTILINE)
    assert "incomplete" not in output
    spans = re.findall(r"(?:├──|└──) [\d,.]+ ms  (\S+)  (.*)  ([A-Z]+)  at ", output)
    kinds = [kind for _, _, kind in spans]
    assert spans[0][1:] == ("POST /reports", "SERVER")
    assert kinds.count("CONSUMER") == 1 + len(COLUMNS) + 1  # split, analyse each column, assemble
    assert {service for service, _, _ in spans} == {
        "reference-api",
        "reference-worker-reports",
        "reference-worker-analysis",
    }
    metrics = output[output.index("Metrics so far") :]
    for function, runs in (("split_report", 1), ("analyse_column", len(COLUMNS)), ("assemble_report", 1)):
        assert re.search(rf" {function} +{runs} complete +\S+ m?s +\S+ s +\S+ m?s", metrics)
    assert re.search(rf"^  analysis .* {len(COLUMNS)} +$", metrics, re.MULTILINE)
    assert re.search(r"^  reports .* 2 +$", metrics, re.MULTILINE)
    assert demo.left() == []


@pytest.mark.parametrize(
    ("content", "sentence"), [("", r"empty"), ("a,b\n1,2\n1,2,3\n", r"row 3|line 3"), ("a,a\n1,2\n", r"'?a'?")]
)
def test_a_refused_file_ends_with_the_sentence_of_the_api(
    run_demo: Any, tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    demo = run_demo("--once", "--json", path)
    code, output, errors = demo.finish()
    assert (code, output) == (1, "")
    assert re.search(rf"^bad\.csv: .*({sentence})", errors, re.MULTILINE | re.IGNORECASE), errors
    assert "Traceback" not in errors
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["Starting", "Ready"])
def test_a_signal_in_the_middle_leaves_nothing(
    run_demo: Any, people: Path, moment: str, number: signal.Signals
) -> None:
    header = ",".join(f"c{column}" for column in range(400))
    people.write_text(header + "\n" + (",".join(["1.5"] * 400) + "\n") * 1000)  # it isn't done when it is told to end
    demo = run_demo("--once", people)
    demo.wait_for(moment, errors=True)
    demo.process.send_signal(number)
    code, _, errors = demo.finish()
    assert code == 128 + number
    assert "Traceback" not in errors
    assert demo.left() == []


def test_it_serves_the_page_and_the_trace_until_it_is_interrupted(run_demo: Any, people: Path) -> None:
    demo = run_demo(people)
    trace_url = demo.wait_for(r"page: (http://\S+/trace/[0-9a-f]{32})$")
    url = demo.wait_for(r"The page is at (http://\S+)")
    page = httpx.get(url, timeout=TIMEOUT_S)
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    trace = httpx.get(f"{trace_url}.json", timeout=TIMEOUT_S).json()
    assert trace["complete"]
    assert {"SERVER", "PRODUCER", "CONSUMER"} <= {span["kind"] for span in trace["spans"]}
    running = "\n".join(demo.left())  # what the other tests find nothing of
    for command in ("create_app run", *(f"workers run --queues {queue}" for queue in QUEUES), "valkey-server"):
        assert command in running
    demo.process.send_signal(signal.SIGINT)
    code, _, errors = demo.finish()
    assert code == 0, errors
    assert demo.left() == []


def test_a_taken_port_is_left_and_said(run_demo: Any, people: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = run_demo("--once", "--json", people, "--port", str(port))
        code, output, errors = demo.finish()
    assert code == 0, errors
    assert json.loads(output)["rows"] == 3
    chosen = re.search(rf"Port {port} is taken; the page is on (\d+)\.", errors)
    assert chosen is not None
    assert f"http://127.0.0.1:{chosen[1]}" in errors
    assert demo.left() == []


def test_a_process_that_cannot_start_shows_why(run_demo: Any, people: Path) -> None:
    demo = run_demo("--once", "--json", people, MAX_UPLOAD_BYTES="many")
    code, output, errors = demo.finish()
    assert (code, output) == (1, "")
    assert "ended by itself (exit code 1)" in errors
    assert "MAX_UPLOAD_BYTES" in errors
    assert demo.left() == []
