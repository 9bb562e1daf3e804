"""The state of a queue in memory: keys and what is stored under them, as SAQ lays it out in Redis."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container

__all__ = ("MemoryStore", "Payload")

Payload = str | bytes


@dataclass
class MemoryStore:
    """Jobs by key, in every state; each method is one step that nothing comes between."""

    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    queued: list[str] = field(default_factory=list)
    """Keys of jobs to be fetched, the next one first."""
    active: list[str] = field(default_factory=list)
    """Keys of jobs that were fetched and are not finished."""
    incomplete: dict[str, float] = field(default_factory=dict)
    """Keys of jobs that are not finished, with the second at which each is due; 0 once it was queued."""
    _payloads: dict[str, Payload] = field(default_factory=dict)
    _expiry: dict[str, float] = field(default_factory=dict)
    _aborts: dict[str, float] = field(default_factory=dict)
    _workers: dict[str, tuple[float, str]] = field(default_factory=dict)
    _leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def get(self, key: str) -> Payload | None:
        """Return what is stored, unless it has expired."""
        with self._lock:
            if self._expiry.get(key, self.clock() + 1) <= self.clock():
                self._delete(key)
            return self._payloads.get(key)

    def all_keys(self) -> list[str]:
        """Return every key, the oldest first."""
        with self._lock:
            return [key for key in tuple(self._payloads) if self.get(key) is not None]

    def add(self, key: str, payload: Payload, due: float) -> bool:
        """Store a new job, unless one of its key is incomplete or being aborted."""
        with self._lock:
            if key in self.incomplete or self._aborts.get(key, 0) > self.clock():
                return False
            self._store(key, payload)
            self.incomplete[key] = due
            if not due:
                self.queued.append(key)
            return True

    def hold_lease(self, name: str, owner: str, ttl_s: float) -> bool:
        """Give a lease to an owner, unless another has it."""
        with self._lock:
            holder, until = self._leases.get(name, (owner, 0.0))
            if holder != owner and until > self.clock():
                return False
            self._leases[name] = (owner, self.clock() + ttl_s)
            return True

    def replace(self, key: str, payload: Payload) -> None:
        """Write over a stored job; what has gone stays gone, and what is to expire still does."""
        with self._lock:
            if self.get(key) is not None:
                self._payloads[key] = payload

    def take(self) -> str | None:
        """Move the next job to the active ones."""
        with self._lock:
            if not self.queued:
                return None
            key = self.queued.pop(0)
            self.active.append(key)
            return key

    def put_back(self, key: str) -> bool:
        """Move an active job to the front of the queue."""
        with self._lock:
            if key not in self.active:
                return False
            self.active.remove(key)
            self.queued.insert(0, key)
            return True

    def requeue(self, key: str, payload: Payload, due: float) -> None:
        """Queue a job again, at the end or for later."""
        with self._lock:
            self._leave(key)
            self._store(key, payload)
            self.incomplete[key] = due
            if not due:
                self.queued.append(key)

    def promote(self) -> list[str]:
        """Queue the scheduled jobs that are due, the earliest first."""
        now = self.clock()
        return self._queue_scheduled(lambda _, due: due <= now)

    def make_due(self, keys: Container[str]) -> list[str]:
        """Queue scheduled jobs before their time, the earliest first; no keys stand for all."""
        return self._queue_scheduled(lambda key, _: not keys or key in keys)

    def _queue_scheduled(self, chosen: Callable[[str, float], bool]) -> list[str]:
        with self._lock:
            ready = sorted((due, key) for key, due in self.incomplete.items() if due and chosen(key, due))
            for _, key in ready:
                self.incomplete[key] = 0
                self.queued.append(key)
            return [key for _, key in ready]

    def begin_abort(self, key: str, payload: Payload, ttl: float) -> bool:
        """Take a job out of the queue.

        Args:
            key: the job's key.
            payload: the job as it is to be stored.
            ttl: seconds for which no job of this key is accepted, while a worker has it.

        Returns:
            Whether it was still waiting, so that no worker has to be waited for.
        """
        with self._lock:
            running = key in self.active or self._aborts.get(key, 0) > self.clock()
            self._leave(key)
            self.replace(key, payload)
            if running:
                self._aborts[key] = self.clock() + ttl
            return not running

    def end_abort(self, key: str) -> None:
        """Accept jobs of this key again."""
        self._aborts.pop(key, None)

    def finish(self, key: str, payload: Payload, ttl: float) -> bool:
        """Keep a finished job for `ttl` seconds: 0 keeps it for ever, less not at all.

        Returns:
            Whether it was not finished before.
        """
        with self._lock:
            news = key in self.incomplete or key in self.active or key in self._aborts
            self._leave(key)
            self._delete(key)
            self._aborts.pop(key, None)
            if ttl >= 0:
                self._payloads[key] = payload
            if ttl > 0:
                self._expiry[key] = self.clock() + ttl
            return news

    def forget(self, key: str) -> None:
        """Remove every trace of a job."""
        with self._lock:
            self._leave(key)
            self._delete(key)

    def set_worker(self, worker_id: str, info: str, ttl: float) -> None:
        """Keep what a worker tells about itself for `ttl` seconds."""
        with self._lock:
            self._workers[worker_id] = (self.clock() + ttl, info)

    def forget_worker(self, worker_id: str) -> None:
        """Remove what a worker has told about itself."""
        with self._lock:
            self._workers.pop(worker_id, None)

    def workers(self) -> dict[str, str]:
        """Return what the live workers tell about themselves."""
        with self._lock:
            now = self.clock()
            return {worker_id: info for worker_id, (expiry, info) in self._workers.items() if expiry > now}

    def clear(self) -> None:
        """Forget every job and worker."""
        with self._lock:
            self.queued.clear()
            self.active.clear()
            for kept in (self.incomplete, self._payloads, self._expiry, self._aborts, self._workers):
                kept.clear()

    def _store(self, key: str, payload: Payload) -> None:
        self._delete(key)  # so that the order is that of the last write
        self._payloads[key] = payload

    def _delete(self, key: str) -> None:
        self._payloads.pop(key, None)
        self._expiry.pop(key, None)

    def _leave(self, key: str) -> None:
        self.incomplete.pop(key, None)
        for keys in (self.queued, self.active):
            if key in keys:
                keys.remove(key)
