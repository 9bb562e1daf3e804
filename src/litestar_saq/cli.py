"""The commands `litestar workers run` and `litestar workers status`."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

from litestar.cli._utils import LitestarGroup, console
from rich.table import Table
from rich_click import FloatRange, IntRange, command, echo, option

from litestar_saq._child import run_workers
from litestar_saq._sources import current_source, plugin_of
from litestar_saq.exceptions import ImproperConfigurationError
from litestar_saq.status import queue_statuses
from litestar_saq.supervisor import Supervisor, check_stop_budget, plan_processes, stop_budget_s

if TYPE_CHECKING:
    from click import Group
    from litestar import Litestar

    from litestar_saq.plugin import SAQPlugin
    from litestar_saq.queue_config import QueueConfig
    from litestar_saq.status import QueueStatus

__all__ = ("build_workers_group",)

STATUS_TIMEOUT_S = 5.0
_USAGE_ERROR = 2


def build_workers_group() -> Group:
    """Return the command group `workers`."""
    workers_group = LitestarGroup(name="workers", help="Run and inspect the workers of queues.", no_args_is_help=True)
    workers_group.add_command(run)
    workers_group.add_command(status)
    return workers_group


@command(name="run")
@option(
    "--workers",
    type=IntRange(min=1),
    default=None,
    help="Worker processes for each queue. [default: SAQConfig.worker_processes]",
)
@option(
    "--queues",
    multiple=True,
    help="Queues to run; repeat it or separate them by commas. [default: all with a process of their own]",
)
@option(
    "--stop-within",
    type=FloatRange(min=0, min_open=True),
    envvar="SAQ_STOP_WITHIN",
    help="Seconds from SIGTERM to SIGKILL, as whoever ends this process has them; refused where workers may need more.",
)
@option("-v", "--verbose", is_flag=True, help="Log more.")
@option("-d", "--debug", is_flag=True, help="Turn the application's debug mode on, and log more.")
def run(
    app: Litestar,
    workers: int | None,
    queues: tuple[str, ...],
    stop_within: float | None,
    verbose: bool,
    debug: bool,
) -> None:
    """Run workers until they are told to end (SIGTERM, SIGINT or Ctrl-C).

    Told once, they let running jobs go on for the queue's grace. Told again, they cancel them and put them back.
    """
    plugin = _plugin(app)
    configs = _chosen(plugin, queues)
    if stop_within is not None:
        try:
            check_stop_budget(configs, stop_within)
        except ImproperConfigurationError as error:
            _refuse(f"--stop-within: {error}")
    _configure(app, verbose=verbose or debug, debug=debug)
    workers = workers or plugin.config.worker_processes
    processes = plan_processes(configs, workers)
    console.print(_run_table(configs, workers))
    if len(processes) == 1:
        run_workers(plugin, processes[0].queues)
    source = current_source(app, plugin, verbose=verbose or debug)
    sys.exit(_supervise(Supervisor(processes, source, stop_budget_s(configs))))


@command(name="status")
@option("--json", "as_json", is_flag=True, help="Print JSON.")
@option("-v", "--verbose", is_flag=True, help="Log more.")
@option("-d", "--debug", is_flag=True, help="Turn the application's debug mode on, and log more.")
def status(app: Litestar, as_json: bool, verbose: bool, debug: bool) -> None:
    """Ask the brokers about the configured queues; the exit code is 1 where one is down."""
    _configure(app, verbose=verbose or debug, debug=debug)
    statuses = asyncio.run(queue_statuses(_plugin(app).get_queues(), timeout_s=STATUS_TIMEOUT_S))
    if as_json:
        echo(json.dumps({"queues": [one.as_dict() for one in statuses]}))
    else:
        console.print(_status_table(statuses))
    sys.exit(0 if all(one.reachable for one in statuses) else 1)


def _supervise(supervisor: Supervisor) -> int:
    signals = itertools.count()

    def end(signum: int, _frame: Any) -> None:
        # It may come upon itself, and upon whatever logs: nothing here may log, or take another lock.
        if next(signals) == 0 and not supervisor.is_stopping:
            supervisor.request_stop(signal.Signals(signum).name)
        else:
            supervisor.hurry()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # While a child is started, another thread (of logging) may be the one to get the signal: it wakes nobody else.
    signal.set_wakeup_fd(supervisor.wake_fd, warn_on_full_buffer=False)
    supervisor.start()
    return supervisor.watch()


def _plugin(app: Litestar) -> SAQPlugin:
    try:
        return plugin_of(app)
    except ImproperConfigurationError as error:
        _refuse(str(error))
        raise


def _chosen(plugin: SAQPlugin, queues: tuple[str, ...]) -> list[QueueConfig]:
    configs = {config.name: config for config in plugin.config.get_queue_configs()}
    names = [name.strip() for given in queues for name in given.split(",") if name.strip()]
    for name in names:
        if name not in configs:
            _refuse(f"no queue is named {name!r}; configured queues: {', '.join(sorted(configs)) or 'none'}")
    if names:
        return [configs[name] for name in dict.fromkeys(names)]
    apart = [config for config in configs.values() if config.separate_process]
    if not apart:
        _refuse(
            "every queue runs in the application itself (separate_process=False); name one by --queues to run it here"
            if configs
            else "no queue is configured (SAQConfig.queue_configs)"
        )
    return apart


def _refuse(message: str) -> None:
    echo(f"Error: {message}", err=True)
    sys.exit(_USAGE_ERROR)


def _configure(app: Litestar, *, verbose: bool, debug: bool) -> None:
    if debug:
        app.debug = True
    if verbose:
        for name in ("saq", "litestar_saq"):
            logging.getLogger(name).setLevel(logging.DEBUG)


def _run_table(configs: list[QueueConfig], workers: int) -> Table:
    table = Table("queue", "processes", "jobs at once", "tasks", title="SAQ workers", title_justify="left")
    for config in configs:
        table.add_row(config.name, str(workers), str(workers * config.concurrency), ", ".join(config.task_names))
    return table


def _status_table(statuses: list[QueueStatus]) -> Table:
    table = Table("queue", "broker", "reachable", "queued", "active", "scheduled", "workers", title="SAQ queues")
    for one in statuses:
        numbers = [one.queued, one.active, one.scheduled, one.workers]
        reachable = "[green]yes[/]" if one.reachable else f"[red]no[/] ({one.error})"
        table.add_row(one.name, one.broker, reachable, *("-" if number is None else str(number) for number in numbers))
    return table
