"""Whatever is done to jobs, in whatever order: what a queue says of them is what a small model says."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from saq.job import Status
from saq.utils import now

from litestar_saq import Job, QueueConfig
from litestar_saq.brokers import broker_of
from litestar_saq.brokers.kinds import build_queue
from litestar_saq.config import decode_json, serializer

WORKERS = ("w1", "w2")
ENDED = {Status.COMPLETE, Status.FAILED, Status.ABORTED}


@pytest.fixture(params=["redis", "valkey", "postgres", "memory"])
def broker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Model:
    """What a job's state should be."""

    def __init__(self, retries: int) -> None:
        self.status = Status.QUEUED
        self.retries = retries
        self.attempts = 0
        self.losses = 0
        self.worker: str | None = None

    def again(self, *, retryable: bool) -> None:
        """Run it again, or not."""
        self.status, self.worker = (Status.QUEUED if retryable else Status.FAILED), None


class Machine(RuleBasedStateMachine):
    """The queue and its model, side by side."""

    keys = Bundle("keys")
    make: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.queue = self.make()
        self.model: dict[str, Model] = {}
        self.held: dict[str, Job] = {}
        self.do(self.queue.connect())

    def do(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        self.do(self.queue.disconnect())
        self.runner.close()

    @rule(target=keys, retries=st.integers(1, 3))
    def enqueue(self, retries: int) -> str:
        key = uuid.uuid4().hex
        assert self.do(self.queue.enqueue("f", key=key, retries=retries, timeout=0, n=1))
        self.model[key] = Model(retries)
        return key

    @rule(target=keys, count=st.integers(2, 4))
    def enqueue_many(self, count: int) -> str:
        keys = [uuid.uuid4().hex for _ in range(count)]
        jobs = [Job("f", key=key, timeout=0) for key in (*keys, keys[0])]
        taken = self.do(self.queue.enqueue_many(jobs))
        assert [bool(job) for job in taken] == [True] * count + [False]
        self.model |= {key: Model(1) for key in keys}
        return keys[-1]

    @rule(key=keys)
    def enqueue_what_is_there(self, key: str) -> None:
        if self.model[key].status not in ENDED:
            assert self.do(self.queue.enqueue("f", key=key)) is None

    @rule(worker=st.sampled_from(WORKERS))
    def take(self, worker: str) -> None:
        job = self.do(self.queue.dequeue(timeout=0.05, poll_interval=0.02))
        waiting = {key for key, one in self.model.items() if one.status is Status.QUEUED}
        if job is None:
            assert not waiting
            return
        assert job.key in waiting
        assert job.kwargs in ({"n": 1}, None)
        job.started, job.worker_id = now(), worker
        job.attempts += 1
        self.do(job.update(status=Status.ACTIVE))
        one = self.model[job.key]
        one.status, one.worker, one.attempts = Status.ACTIVE, worker, one.attempts + 1
        self.held[job.key] = job

    def active(self, key: str) -> bool:
        return self.model[key].status is Status.ACTIVE

    @rule(key=keys, result=st.none() | st.integers() | st.text(max_size=5))
    def complete(self, key: str, result: Any) -> None:
        if self.active(key):
            self.do(self.held.pop(key).finish(Status.COMPLETE, result=result))
            self.model[key].status = Status.COMPLETE

    @rule(key=keys)
    def fail(self, key: str) -> None:
        if self.active(key):
            job, one = self.held.pop(key), self.model[key]
            assert job.retryable == (one.retries > one.attempts)
            if job.retryable:
                self.do(job.retry("failed"))
            else:
                self.do(job.finish(Status.FAILED, error="failed"))
            one.again(retryable=one.retries > one.attempts)

    @rule(key=keys)
    def abort_what_waits(self, key: str) -> None:
        if self.model[key].status is Status.QUEUED:
            job = self.do(self.queue.job(key))
            self.do(job.abort("enough"))
            self.model[key].status = Status.ABORTED

    @rule(worker=st.sampled_from(WORKERS))
    def lose(self, worker: str) -> None:
        if not hasattr(self.queue, "recover_from"):
            return
        lost = {key for key, one in self.model.items() if one.worker == worker and one.status is Status.ACTIVE}
        found = self.do(self.queue.recover_from(frozenset({worker})))
        assert {one.rsplit(":", 1)[-1] for one in found} == lost
        for key in lost:
            one = self.model[key]
            one.losses += 1
            again = one.losses < 3 and (one.retries > one.attempts or one.losses == 1)
            one.again(retryable=again)
            del self.held[key]

    @rule(key=keys)
    def beat(self, key: str) -> None:
        if self.active(key):
            assert self.do(broker_of(self.queue).touch(self.queue, self.held[key]))

    @rule()
    def sweep(self) -> None:
        assert self.do(self.queue.sweep(lock=1, abort=0.05)) == []

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        counts = dict.fromkeys(Status, 0)
        for key, one in self.model.items():
            counts[one.status] += 1
            job = self.do(self.queue.job(key))
            assert (job.status, job.attempts) == (one.status, one.attempts), key
        assert self.do(self.queue.count("queued")) == counts[Status.QUEUED]
        assert self.do(self.queue.count("active")) == counts[Status.ACTIVE]
        assert self.do(self.queue.count("incomplete")) == counts[Status.QUEUED] + counts[Status.ACTIVE]


@pytest.mark.timeout(300)
def test_what_a_queue_says_is_what_a_model_says(broker: str, queue_config: QueueConfig) -> None:
    def make() -> Any:
        if broker == "memory":
            return type(queue_config.broker_instance)(queue_config.name)
        name = f"{queue_config.name}-{uuid.uuid4().hex[:8]}"
        return build_queue(QueueConfig(dsn=queue_config.dsn, name=name), serializer, decode_json)

    run_state_machine_as_test(
        type("Made", (Machine,), {"make": staticmethod(make)}),
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
