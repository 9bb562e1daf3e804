"""A worker group: pods with slots that take jobs from one queue, as SAQ's workers do."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simpy import Environment

    from benchmarks.autoscaling.load import Job

__all__ = ("Pod", "Shape", "WorkerGroup")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a pod is like."""

    concurrency: int = 4
    """Its slots."""
    start_s: float = 12.0
    """From the decision until it takes jobs: it is scheduled, its image is there, it imports and is ready."""
    grace_s: float = 20.0
    """How long its jobs may run on when it ends; then they go back to the queue and begin anew."""


class Pod:
    """A pod, from its creation until it is gone."""

    __slots__ = ("_busy_since", "_worked_s", "born_s", "busy", "ending", "ready_s", "running")

    def __init__(self, born_s: float) -> None:
        self.born_s = born_s
        self.ready_s: float | None = None
        self.ending = False
        self.busy = 0
        self.running: dict[int, Job] = {}
        self._worked_s = 0.0
        self._busy_since = born_s

    def worked_s(self, now: float) -> float:
        """Return how many seconds its slots have worked so far, all together."""
        self._worked_s += self.busy * (now - self._busy_since)
        self._busy_since = now
        return self._worked_s


class WorkerGroup:
    """The pods and their queue; it counts what they do.

    Args:
        env: the simulation.
        shape: what each pod is like.
        replicas: how many are ready at the begin.
    """

    def __init__(self, env: Environment, shape: Shape, replicas: int) -> None:
        self._env = env
        self._shape = shape
        self._waiting: deque[Job] = deque()
        # Redis serves whoever has waited longest, so the slots take turns; a pod is here once for each free one.
        self._free: deque[Pod] = deque()
        self._ids = 0
        self.pods: list[Pod] = []
        """Those that are not ending, the oldest first."""
        self.ended = 0
        self.active = 0
        self.waits: list[tuple[Job, float]] = []
        """Each job with the seconds until its first start, in the order of the starts."""
        self.cut = 0
        """Jobs that a pod's end cut off."""
        self.scalings = 0
        self.pod_s = 0.0
        """Of pods that are gone."""
        self.most_pods = replicas
        self._gone_later: set[Pod] = set()
        for _ in range(replicas):
            self._become_ready(self._create())

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def replicas(self) -> int:
        """How many pods there shall be, those included that are not ready yet."""
        return len(self.pods)

    def pod_hours(self) -> float:
        """Return how long pods have been there, those included that start or end."""
        alive = sum(self._env.now - pod.born_s for pod in (*self.pods, *self._gone_later))
        return (self.pod_s + alive) / 3600

    def add(self, jobs: Iterable[Job]) -> None:
        """Enqueue jobs."""
        self._waiting.extend(jobs)
        self._fetch_all()

    def scale_to(self, replicas: int) -> None:
        """Create pods or end some.

        Kubernetes does not know what a pod works at: those go that are not ready, then the youngest.
        """
        if replicas == self.replicas:
            return
        self.scalings += 1
        while self.replicas < replicas:
            pod = self._create()
            self._later(self._shape.start_s, self._become_ready, pod)
        while self.replicas > replicas:
            self._end(max(self.pods, key=lambda pod: (pod.ready_s is None, pod.ready_s or 0.0, pod.born_s)))
        self.most_pods = max(self.most_pods, self.replicas)

    def _create(self) -> Pod:
        pod = Pod(self._env.now)
        self.pods.append(pod)
        return pod

    def _become_ready(self, pod: Pod) -> None:
        if not pod.ending:
            pod.ready_s = self._env.now
            self._free.extend([pod] * self._shape.concurrency)
            self._fetch_all()

    def _fetch_all(self) -> None:
        while self._waiting and self._free:
            pod = self._free.popleft()
            if not pod.ending:
                self._start(pod, self._waiting.popleft())

    def _start(self, pod: Pod, job: Job) -> None:
        now = self._env.now
        pod.worked_s(now)
        pod.busy += 1
        self.active += 1
        self._ids += 1
        run = self._ids
        pod.running[run] = job
        if not job.again:
            self.waits.append((job, now - job.at_s))
        self._later(job.service_s, self._finish, pod, run)

    def _finish(self, pod: Pod, run: int) -> None:
        if pod.running.pop(run, None) is None:  # it was cut off
            return
        self._release(pod)
        self.ended += 1
        if pod.ending:
            if not pod.busy:
                self._remove(pod)
        elif self._waiting:
            self._start(pod, self._waiting.popleft())
        else:
            self._free.append(pod)

    def _release(self, pod: Pod) -> None:
        pod.worked_s(self._env.now)
        pod.busy -= 1
        self.active -= 1

    def _end(self, pod: Pod) -> None:
        pod.ending = True
        self.pods.remove(pod)
        self._gone_later.add(pod)
        if pod.busy:
            self._later(self._shape.grace_s, self._cut_off, pod)
        else:
            self._remove(pod)

    def _cut_off(self, pod: Pod) -> None:
        if pod not in self._gone_later:
            return
        for job in pod.running.values():
            self._release(pod)
            self.cut += 1
            self._waiting.appendleft(job._replace(again=True))
        pod.running.clear()
        self._remove(pod)
        self._fetch_all()

    def _remove(self, pod: Pod) -> None:
        self._gone_later.discard(pod)
        self.pod_s += self._env.now - pod.born_s

    def _later(self, delay_s: float, call: Callable[..., None], *arguments: object) -> None:
        self._env.timeout(delay_s).callbacks.append(lambda _: call(*arguments))
