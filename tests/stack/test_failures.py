"""What happens when parts of it die, are restarted, or are told to end."""

from __future__ import annotations

import time

from tests.stack.deployment import Deployment, Sent, docker, make_csv

WORKERS = ("worker-reports", "worker-analysis", "worker-maintenance")
GRACE_S = 20 + 15
FILE = make_csv(rows=20_000, columns=8, seed=4)
"""Large enough for its jobs to take a while."""


def send_many(deployment: Deployment, count: int) -> list[Sent]:
    return [deployment.send(FILE) for _ in range(count)]


def some_run(deployment: Deployment) -> bool:
    return int(deployment.redis("llen", "saq:analysis:active")) > 0


def test_a_killed_worker_of_three_loses_no_report(deployment: Deployment) -> None:
    deployment.up("--scale", "worker-analysis=3")
    assert len(deployment.containers("worker-analysis")) == 3
    sent = send_many(deployment, 40)
    deployment.until(lambda: some_run(deployment), "a running analysis")
    docker("kill", deployment.containers("worker-analysis")[0])
    assert len(deployment.complete(sent)) == 40


def test_restarting_the_broker_under_load_loses_nothing_that_was_acknowledged(deployment: Deployment) -> None:
    sent = send_many(deployment, 10)
    deployment.until(lambda: some_run(deployment), "a running analysis")
    deployment.compose("restart", "redis")
    sent += [deployment.until(lambda: try_to_send(deployment), "an API that takes files again")]
    assert len(deployment.complete(sent)) == 11


def try_to_send(deployment: Deployment) -> Sent | None:
    try:
        return deployment.send(FILE)
    except AssertionError:  # it says that it can't, and has taken nothing
        return None


def test_jobs_go_on_without_the_collector(deployment: Deployment) -> None:
    deployment.compose("stop", "otel-collector")
    assert len(deployment.complete(send_many(deployment, 5))) == 5
    began = time.monotonic()
    deployment.compose("stop", *WORKERS)
    assert time.monotonic() - began < GRACE_S
    assert exit_codes(deployment) == {0}


def test_stopping_under_load_puts_everything_back(deployment: Deployment) -> None:
    sent = send_many(deployment, 12)
    deployment.until(lambda: some_run(deployment), "a running analysis")
    began = time.monotonic()
    deployment.compose("stop")
    assert time.monotonic() - began < GRACE_S
    assert exit_codes(deployment) == {0}
    deployment.up()
    assert len(deployment.complete(sent)) == 12


def test_the_idle_stack_stops_at_once(deployment: Deployment) -> None:
    began = time.monotonic()
    deployment.compose("stop")
    assert time.monotonic() - began < 10
    assert exit_codes(deployment, *WORKERS, "api", "redis", "otel-collector", "jaeger") == {0}


def test_a_worker_that_hangs_is_told_of_by_its_own_container(deployment: Deployment) -> None:
    (container,) = deployment.containers("worker-reports")
    check = ("exec", container, "python", "-m", "litestar_saq.health", "--max-age", "3", "/tmp/workers")

    def send(signal: str) -> None:
        # To the worker itself, whose process its file names: the container's process 1 is its parent.
        told = "json.load(open(glob.glob('/tmp/workers/*.worker')[0]))"
        script = f"import glob, json, os, signal; os.kill({told}['pid'], signal.{signal})"
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
    assert time.monotonic() - began < 15
    assert exit_codes(deployment, "worker-reports") == {0}


def exit_codes(deployment: Deployment, *services: str) -> set[int]:
    found = [one["State"] for service in services or WORKERS for one in deployment.inspect(service)]
    assert {state["Status"] for state in found} == {"exited"}
    return {state["ExitCode"] for state in found}
