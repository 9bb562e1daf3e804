"""The plugin: it wires queues, workers, page and command line into a Litestar application, and does nothing else."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from litestar.di import Provide
from litestar.plugins import CLIPlugin, InitPluginProtocol
from saq.queue.base import Queue
from saq.types import QueueInfo, WorkerInfo

from litestar_saq._otel_plugin import find_otel_plugin
from litestar_saq._sources import current_source
from litestar_saq.config import TaskQueues
from litestar_saq.exceptions import ImproperConfigurationError
from litestar_saq.jobs import Job
from litestar_saq.queues import connect_queues, disconnect_queues
from litestar_saq.supervisor import Supervisor, plan_processes, stop_budget_s
from litestar_saq.telemetry import find_telemetry, silence
from litestar_saq.telemetry.attachment import telemetry_of
from litestar_saq.telemetry.setup import call_setup
from litestar_saq.web import build_web_handlers
from litestar_saq.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from click import Group
    from litestar import Litestar
    from litestar.config.app import AppConfig

    from litestar_saq.config import SAQConfig
    from litestar_saq.queue_config import QueueConfig
    from litestar_saq.telemetry.job_telemetry import JobTelemetry

__all__ = ("SAQPlugin",)

logger = logging.getLogger(__name__)

Q = TypeVar("Q", bound=Queue)


class SAQPlugin(InitPluginProtocol, CLIPlugin):
    """Job queues for a Litestar application.

    Args:
        config: what is set.
    """

    def __init__(self, config: SAQConfig) -> None:
        self._config = config
        self._telemetry: JobTelemetry | None = None
        self._connected = False
        self._connecting = asyncio.Lock()

    @property
    def config(self) -> SAQConfig:
        """What is set."""
        return self._config

    def get_queues(self) -> TaskQueues:
        """Return every configured queue, in every process."""
        return self._with_telemetry(self._config.get_queues())

    def get_queue(self, name: str) -> Queue:
        """Return a configured queue.

        Raises:
            UnknownQueueError: where none has that name; it lists the ones that there are.
        """
        return self.get_queues().get(name)

    def instrument_queue(self, queue: Q) -> Q:
        """Make a queue that is configured nowhere, such as `saq.Queue.from_url(...)`, take part in our telemetry.

        Args:
            queue: the queue.

        Returns:
            The queue, as it was where the plugin's telemetry is off.
        """
        return self._telemetry.instrument(queue) if self._telemetry else queue

    def _with_telemetry(self, queues: TaskQueues) -> TaskQueues:
        for queue in queues.queues.values():
            if self._telemetry:
                self._telemetry.instrument(queue, replace=not self._instrumented(queue))
            elif self._config.enable_otel is False:
                silence(queue)
        return queues

    def _instrumented(self, queue: Queue) -> bool:
        telemetry = telemetry_of(queue)
        return telemetry is not None and telemetry.owner is self._telemetry

    def start_process(self, names: Sequence[str]) -> None:
        """Set telemetry up in a process that runs workers, by `SAQConfig.otel_setup`.

        Args:
            names: the queues whose workers it runs; none in a server.
        """
        call_setup(self._config.otel_setup, names)

    def flush_telemetry(self) -> bool:
        """Export what was recorded, within `OtelOptions.flush_timeout_s`.

        Returns:
            Whether it was in time.
        """
        return self._telemetry.flush() if self._telemetry else True

    def make_worker(self, name: str, *, own_queues: bool = False) -> tuple[Worker, TaskQueues]:
        """Make the worker of a queue.

        Args:
            name: the queue.
            own_queues: whether it gets queues of its own, because it runs in a loop of its own.

        Returns:
            The worker, and every configured queue.
        """
        queues = self._with_telemetry(self._config.make_queues()) if own_queues else self.get_queues()
        config = next((config for config in self._config.get_queue_configs() if config.name == name), None)
        if config is None:
            raise ImproperConfigurationError(
                f"queue {name!r} is in `queue_instances` alone: a worker needs a QueueConfig"
            )
        return Worker.from_config(config, queues, health_dir=self._config.health_dir), queues

    def on_cli_init(self, cli: Group) -> None:
        """Add the command `workers`."""
        from litestar_saq.cli import build_workers_group  # noqa: PLC0415 - only for the command line

        cli.add_command(build_workers_group())

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Wire the queues, the page and the lifespan into the application.

        Raises:
            ImproperConfigurationError: where the application has a dependency of the same key already.
        """
        key = self._config.queues_dependency_key
        if key in app_config.dependencies:
            raise ImproperConfigurationError(
                f"SAQConfig.queues_dependency_key = {key!r} is not accepted: the application has such a dependency"
            )
        self._telemetry = find_telemetry(
            self._config.enable_otel,
            self._config.otel_tracer_name,
            self._config.otel_options,
            find_otel_plugin(app_config.plugins),
        )
        app_config.dependencies[key] = Provide(self.provide_queues)
        app_config.signature_namespace.update(
            Queue=Queue, Worker=Worker, QueueInfo=QueueInfo, WorkerInfo=WorkerInfo, Job=Job, TaskQueues=TaskQueues
        )
        if self._config.web_enabled:
            app_config.route_handlers.extend(build_web_handlers(self._config, self.provide_queues))
        app_config.lifespan.append(self._lifespan)
        return app_config

    async def provide_queues(self) -> TaskQueues:
        """Return the queues, connected."""
        queues = self.get_queues()
        if not self._connected:
            async with self._connecting:
                if not self._connected:
                    await connect_queues(queues)
                    self._connected = True
        return queues

    @asynccontextmanager
    async def _lifespan(self, app: Litestar) -> AsyncIterator[None]:
        if self._config.web_enabled and self._config.web_guards is None:
            logger.warning(
                "SAQ's page at %s has no guards: anyone who reaches it can see jobs%s (SAQConfig.web_guards)",
                self._config.web_path,
                " and, in debug mode, retry and abort them" if app.debug else ", and nobody retry or abort them",
            )
        self.start_process(())
        queues = await self.provide_queues()
        workers = [self.make_worker(config.name)[0] for config in self._in_loop()]
        try:
            for worker in workers:
                worker.start_in_background()
            yield
        finally:
            await asyncio.gather(*(worker.stop_in_background() for worker in workers))
            self._connected = False
            await disconnect_queues(queues)
            # In a thread: the server's other lifespans end meanwhile, where there are any.
            await asyncio.to_thread(self.flush_telemetry)

    def _in_loop(self) -> list[QueueConfig]:
        return (
            []
            if self._config.queue_instances
            else [c for c in self._config.get_queue_configs() if not c.separate_process]
        )

    @contextmanager
    def server_lifespan(self, app: Litestar) -> Iterator[None]:
        """Run the workers that have processes of their own beside `litestar run`, where that is asked for."""
        if not self._config.use_server_lifespan:
            yield
            return
        configs = [config for config in self._config.get_queue_configs() if config.separate_process]
        processes = plan_processes(configs, self._config.worker_processes)
        supervisor = Supervisor(processes, current_source(app, self), stop_budget_s(configs))
        supervisor.start()
        watching = threading.Thread(target=supervisor.watch, name="saq-supervisor", daemon=True)
        watching.start()
        try:
            with _exit_on_sigterm():
                yield
        finally:
            supervisor.request_stop()
            watching.join()
            supervisor.close()


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Make SIGTERM an orderly exit: the server raises it again when it has ended, which would kill us half-way."""

    def leave(*_: Any) -> None:
        sys.exit(0)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
