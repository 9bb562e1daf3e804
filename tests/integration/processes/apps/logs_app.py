"""Jobs that log by `logging` and by structlog, as lines of JSON in files and as the application has it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import structlog
from litestar import Litestar
from litestar.logging import LoggingConfig, StructLoggingConfig
from litestar.plugins.structlog import StructlogConfig, StructlogPlugin

from litestar_saq import QueueConfig, SAQConfig, SAQPlugin, monitored_job

FIELDS = ("job_key", "function", "queue", "attempt")
MODE: Any = os.environ.get("MODE", "multiprocessing")
LINES = Path("lines.jsonl")


class JsonLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        fields = {name: record.__dict__.get(name) for name in FIELDS}
        with LINES.open("a") as lines:
            lines.write(json.dumps({"message": record.getMessage(), **fields}) + "\n")


standard = logging.getLogger("app")
structured = structlog.get_logger()


def say(where: str) -> None:
    standard.info("standard %s", where)
    structured.info(f"structured {where}")


async def note(_ctx: Any, *, secret: str) -> bool:
    say("in a job")
    return bool(secret)


def note_in_thread(_ctx: Any, *, secret: str) -> bool:
    say("in a thread")
    return bool(secret)


@monitored_job()
def note_monitored(_ctx: Any, *, secret: str) -> bool:
    say("in a monitored thread")
    return bool(secret)


async def fail_once(ctx: Any, *, secret: str) -> bool:
    say(f"in attempt {ctx['job'].attempts}")
    if ctx["job"].attempts == 1:
        raise ConnectionError("once")
    return bool(secret)


async def outside(_ctx: Any) -> None:
    say("in a worker's hook")


async def around(_ctx: Any) -> None:
    say("in a job's hook")


def write_line(_logger: Any, _method: str, event: dict[str, Any]) -> str:
    with LINES.open("a") as lines:
        line = {"message": event["event"], **{name: event.get(name) for name in FIELDS}}
        lines.write(json.dumps(line) + "\n")
    return str(event["event"])


logging_config = LoggingConfig(
    handlers={"lines": {"class": "logs_app.JsonLines", "level": "INFO"}},
    loggers={"app": {"level": "INFO", "handlers": ["lines"], "propagate": False}},
)
processors: list[Any] = [structlog.contextvars.merge_contextvars, write_line]
queue = QueueConfig(
    name=f"a-{os.environ['RUN']}",
    dsn=os.environ["DSN"],
    tasks=[note, note_in_thread, note_monitored, fail_once],
    startup=outside,
    shutdown=outside,
    before_process=around,
    after_process=around,
    multiprocessing_mode=MODE,
)
other = QueueConfig(name=f"b-{os.environ['RUN']}", dsn=os.environ["DSN"], multiprocessing_mode=MODE)
structlog_config = StructlogConfig(
    structlog_logging_config=StructLoggingConfig(
        processors=processors, logger_factory=structlog.PrintLoggerFactory(), standard_lib_logging_config=logging_config
    ),
    enable_middleware_logging=False,
)
app = Litestar(plugins=[StructlogPlugin(structlog_config), SAQPlugin(SAQConfig(queue_configs=[queue, other]))])
