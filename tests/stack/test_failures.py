"""What happens when parts of it die, are restarted, or are told to end."""

from __future__ import annotations

import signal
import time

from tests.stack.deployment import Deployment, Sent, docker, make_csv

WORKERS = ("worker-reports", "worker-analysis", "worker-maintenance")
GRACE_S = 20 + 15
FILE = make_csv(rows=20_000, columns=8, seed=4)
"""Large enough for its jobs to take a while."""


def send_many(deployment: Deployment, count: int) -> list[Sent]:
    return [deployment.send(FILE) for _ in range(count)]


def send_until_some_run(deployment: Deployment, count: int) -> list[Sent]:
    """Send so many files, and as many again each time that no analysis is found running."""
    sent: list[Sent] = []

    def some_run() -> bool:
        sent.extend(send_many(deployment, count))
        return int(deployment.redis("llen", "saq:analysis:active")) > 0

    deployment.until(some_run, "a running analysis")
    return sent


def test_a_killed_worker_of_three_loses_no_report(deployment: Deployment) -> None:
    deployment.up("--scale", "worker-analysis=3")
    assert len(deployment.containers("worker-analysis")) == 3
    sent = send_until_some_run(deployment, 40)
    docker("kill", deployment.containers("worker-analysis")[0])
    deployment.complete(sent)


def test_restarting_the_broker_under_load_loses_nothing_that_was_acknowledged(deployment: Deployment) -> None:
    sent = send_until_some_run(deployment, 10)
    deployment.compose("restart", "redis")
    sent += [deployment.until(lambda: try_to_send(deployment), "an API that takes files again")]
    deployment.complete(sent)


def try_to_send(deployment: Deployment) -> Sent | None:
    try:
        return deployment.send(FILE)
    except AssertionError:  # it says that it can't, and has taken nothing
        return None


def test_jobs_go_on_without_the_collector(deployment: Deployment) -> None:
    deployment.compose("stop", "otel-collector")
    deployment.complete(send_many(deployment, 5))
    began = time.monotonic()
    deployment.compose("stop", *WORKERS)
    assert time.monotonic() - began < GRACE_S
    assert exit_codes(deployment) == {0}


def test_stopping_under_load_puts_everything_back(deployment: Deployment) -> None:
    sent = send_until_some_run(deployment, 12)
    began = time.monotonic()
    deployment.compose("stop")
    assert time.monotonic() - began < GRACE_S
    assert exit_codes(deployment) == {0}
    deployment.up()
    deployment.complete(sent)


def test_the_idle_stack_stops_at_once(deployment: Deployment) -> None:
    began = time.monotonic()
    deployment.compose("stop")
    assert time.monotonic() - began < 18  # a worker whose jobs it waits for takes 20 s
    assert exit_codes(deployment, *WORKERS, "api", "redis", "otel-collector", "jaeger") == {0}


def test_a_worker_that_hangs_is_told_of_by_its_own_container(deployment: Deployment) -> None:
    (container,) = deployment.containers("worker-reports")
    check = ("exec", container, "python", "-m", "litestar_saq.health", "--max-age", "3", "/tmp/workers")

    def send(name: str) -> None:
        # To the worker itself, whose process its file names: the container's process 1 is its parent.
        told = "json.load(open(glob.glob('/tmp/workers/*.worker')[0]))"
        script = f"import glob, json, os, signal; os.kill({told}['pid'], signal.{name})"
        docker("exec", container, "python", "-c", script)

    def said() -> str:
        try:
            return docker(*check)
        except AssertionError as refusal:
            return str(refusal)

    deployment.until(lambda: "of queue 'reports': running" in said(), "a worker that runs")
    send("SIGSTOP")
    deployment.until(lambda: "no sign of life for" in said(), "a worker that is told of")
    send("SIGCONT")
    deployment.until(lambda: "of queue 'reports': running" in said(), "a worker that runs again")


def test_a_container_that_is_told_to_end_while_it_starts_does(deployment: Deployment) -> None:
    (container,) = deployment.containers("worker-reports")
    docker("stop", container)
    docker("start", container)
    began = time.monotonic()
    docker("stop", "--time", "30", container)
    assert time.monotonic() - began < 25
    # A signal that comes before Python's handlers is told as such by the container's first process.
    assert exit_codes(deployment, "worker-reports") <= {0, 128 + signal.SIGTERM}


def exit_codes(deployment: Deployment, *services: str) -> set[int]:
    found = [one["State"] for service in services or WORKERS for one in deployment.inspect(service)]
    assert {state["Status"] for state in found} == {"exited"}
    return {state["ExitCode"] for state in found}
