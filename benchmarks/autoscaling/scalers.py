"""What sets the number of pods: nobody, an HPA by the processor's use, KEDA by the jobs in the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.autoscaling.hpa import DEFAULT_DOWN, DEFAULT_UP, SYNC_S, Hpa, Rules, replicas_for_cpu, replicas_for_jobs

if TYPE_CHECKING:
    from collections.abc import Generator

    from simpy import Environment

    from benchmarks.autoscaling.group import Pod, WorkerGroup

__all__ = ("CpuScaler", "FixedNumber", "JobsScaler", "Scaler")

_SCRAPE_S = 15.0
"""How often the metrics server reads (`--metric-resolution`)."""
_WINDOW_S = 30.0
"""Over how long it averages; a pod that is ready for less is not measured."""
_SCRAPE_AFTER_S = 7.5
"""It does not read just before the HPA decides."""


class Scaler(Protocol):
    """Sets a group's replicas."""

    @property
    def first(self) -> int:
        """How many pods are ready at the begin."""
        raise NotImplementedError

    def start(self, env: Environment, group: WorkerGroup) -> None:
        """Begin to set them."""


@dataclass(frozen=True, kw_only=True)
class FixedNumber:
    """The same number all day."""

    replicas: int

    @property
    def first(self) -> int:
        """How many pods are ready at the begin."""
        return self.replicas

    def start(self, env: Environment, group: WorkerGroup) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class JobsScaler:
    """KEDA: an HPA on the jobs of the queue, and KEDA's own step from 0 to 1 and back.

    Between 1 and the most it is the HPA that asks KEDA, each 15 s; `pollingInterval` matters for the step from 0, and
    with `useCachedMetrics`.
    """

    least: int = 1
    most: int = 10
    jobs_per_replica: float
    count_active: bool = True
    """Whether running jobs count, beside those that wait."""
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN
    sync_s: float = SYNC_S
    polling_s: float = 15.0
    cooldown_s: float = 300.0
    """Without a job, until the last replica goes; for `least=0` alone."""

    @property
    def first(self) -> int:
        """How many pods are ready at the begin."""
        return self.least

    def start(self, env: Environment, group: WorkerGroup) -> None:
        """Begin to set them."""
        env.process(self._scale(env, group))
        if self.least == 0:
            env.process(self._activate(env, group))

    def _jobs(self, group: WorkerGroup) -> int:
        return group.queued + (group.active if self.count_active else 0)

    def _scale(self, env: Environment, group: WorkerGroup) -> Generator[Any, Any, None]:
        hpa = Hpa(max(1, self.least), self.most, up=self.up, down=self.down)
        while True:
            yield env.timeout(self.sync_s)
            if group.replicas:  # an HPA leaves alone what has none
                asked = replicas_for_jobs(self._jobs(group), self.jobs_per_replica, group.replicas)
                group.scale_to(hpa.decide(env.now, group.replicas, asked))

    def _activate(self, env: Environment, group: WorkerGroup) -> Generator[Any, Any, None]:
        last_active_s = env.now
        while True:
            yield env.timeout(self.polling_s)
            if self._jobs(group):
                last_active_s = env.now
                group.scale_to(max(1, group.replicas))
            elif env.now - last_active_s >= self.cooldown_s:
                group.scale_to(0)


@dataclass(frozen=True, kw_only=True)
class CpuScaler:
    """An HPA on the processor's use, as the metrics server tells it."""

    least: int = 1
    most: int = 10
    target: float = 0.7
    """`averageUtilization`, as a share."""
    cores_per_slot: float
    """What a slot uses that works."""
    cores_requested: float = 1.0
    """By a pod; what it uses is a share of that."""
    cores_at_most: float = 1.5
    """What a pod can use: a worker is one Python process, with libraries that leave its lock."""
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN

    @property
    def first(self) -> int:
        """How many pods are ready at the begin."""
        return self.least

    def start(self, env: Environment, group: WorkerGroup) -> None:
        """Begin to set them."""
        used: dict[Pod, float] = {}
        env.process(self._measure(env, group, used))
        env.process(self._scale(env, group, used))

    def _measure(self, env: Environment, group: WorkerGroup, used: dict[Pod, float]) -> Generator[Any, Any, None]:
        """Read each pod's counter, and keep the share that it has used of late."""
        counters: dict[Pod, list[tuple[float, float]]] = {}
        yield env.timeout(_SCRAPE_AFTER_S)
        while True:
            used.clear()
            for pod in group.pods:
                kept = [(at, worked) for at, worked in counters.get(pod, []) if at >= env.now - _WINDOW_S]
                counters[pod] = [*kept, (env.now, pod.worked_s(env.now))]
                (begin, before), (end, after) = counters[pod][0], counters[pod][-1]
                if pod.ready_s is not None and end > begin:
                    cores = min((after - before) / (end - begin) * self.cores_per_slot, self.cores_at_most)
                    used[pod] = cores / self.cores_requested
            yield env.timeout(_SCRAPE_S)

    def _scale(self, env: Environment, group: WorkerGroup, used: dict[Pod, float]) -> Generator[Any, Any, None]:
        hpa = Hpa(self.least, self.most, up=self.up, down=self.down)
        while True:
            yield env.timeout(SYNC_S)
            measured = [used[pod] for pod in group.pods if pod in used]
            asked = replicas_for_cpu(measured, group.replicas - len(measured), self.target)
            group.scale_to(hpa.decide(env.now, group.replicas, asked))
