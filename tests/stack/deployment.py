"""The deployment as a test drives it: by docker compose, by its API, and by Jaeger's."""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from testcontainers.compose import DockerCompose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ("ROOT", "Deployment", "Sent", "docker", "make_csv")

ROOT = Path(__file__).parents[2]
WAIT_S = 180.0
POLL_S = 0.2


def docker(*arguments: str, **options: Any) -> str:
    """Run a docker command; return what it printed."""
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)
    assert ended.returncode == 0, f"docker {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def make_csv(rows: int, columns: int, seed: int) -> bytes:
    """Make a file that nobody has seen: a column of texts, and numbers."""
    numbers = random.Random(seed)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["name", *(f"number {index}" for index in range(1, columns))])
    for row in range(rows):
        writer.writerow([f"name {row % 7}", *(numbers.randint(-1000, 1000) for _ in range(1, columns))])
    return file.getvalue().encode()


@dataclass(frozen=True)
class Sent:
    """A report that the API has taken."""

    id: str
    trace_id: str


class Deployment:
    """A running deployment.

    Args:
        compose: drives it.
        api: the API's URL.
        jaeger: Jaeger's.
    """

    def __init__(self, compose: DockerCompose, api: str, jaeger: str) -> None:
        self._compose = compose
        self.api = api
        self.jaeger = jaeger
        self.http = httpx.Client(timeout=30.0, trust_env=False)

    def compose(self, *arguments: str) -> str:
        """Run a command of docker compose; return what it printed."""
        return docker(*self._compose.docker_compose_command()[1:], *arguments, cwd=ROOT)

    def up(self, *arguments: str) -> None:
        self.compose("up", "--detach", "--wait", *arguments)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers, ended ones too."""
        return self.compose("ps", "--all", "--quiet", service).split()

    def inspect(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine says of a service's containers."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", *self.containers(service)))
        return found

    def send(self, data: bytes) -> Sent:
        """Upload a file; return only when the API has said that it has it."""
        answer = self.http.post(f"{self.api}/reports", content=data, headers={"Content-Type": "text/csv"})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return Sent(answer.json()["id"], answer.json()["trace_id"])

    def report(self, report_id: str) -> dict[str, Any]:
        """Return a report as it is now."""
        found: dict[str, Any] = self.http.get(f"{self.api}/reports/{report_id}").raise_for_status().json()
        return found

    def complete(self, sent: Sequence[Sent]) -> list[dict[str, Any]]:
        """Wait until all these reports have ended; return them, each of which is complete."""
        reports = [self.until(lambda one=one: self._ended(one), f"the end of report {one.id}") for one in sent]
        assert {report["status"] for report in reports} == {"complete"}, [report["error"] for report in reports]
        return reports

    def _ended(self, one: Sent) -> dict[str, Any] | None:
        report = self.report(one.id)
        return report if report["status"] in {"complete", "failed"} else None

    def statuses(self, sent: Sequence[Sent]) -> list[str]:
        return [self.report(one.id)["status"] for one in sent]

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """Return a trace as Jaeger has it now; None where it has nothing of it."""
        answer = self.http.get(f"{self.jaeger}/api/traces/{trace_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        (trace,) = answer.raise_for_status().json()["data"]
        return dict(trace)

    def redis(self, *command: str) -> str:
        """Run a command of the broker."""
        script = 'REDISCLI_AUTH="$(cat /run/password/redis)" exec redis-cli "$@"'
        return self.compose("exec", "-T", "redis", "sh", "-c", script, "redis-cli", *command).strip()

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """Wait until a look finds something; return it."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                found = look()
            except httpx.HTTPError:
                found = None  # what is being restarted does not listen, or lacks what is
            if found:
                return found
            assert time.monotonic() < deadline, f"{what}: not within {WAIT_S:.0f} s\n{self.compose('ps', '--all')}"
            time.sleep(POLL_S)
