"""The names that telemetry uses, in one place.

They are those of OpenTelemetry's semantic conventions for messaging, version 1.44 (status: Development, so they may
change in a minor release of ours), and `saq.*` for what the conventions lack.
"""

from __future__ import annotations

from typing import Final

__all__ = (
    "BASIC_BUCKETS_S",
    "LONG_BUCKETS_S",
    "SCHEMA_URL",
    "SYSTEM",
    "describe_error",
    "error_type",
)

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
SYSTEM: Final = "saq"

BASIC_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The conventions' buckets for durations."""
LONG_BUCKETS_S: Final = (*BASIC_BUCKETS_S, 30, 60, 120, 300, 900, 3600)
"""Those, and more for what takes minutes."""

SWEPT: Final = "swept"
"""`error.type` of a job that was given up as stuck."""

OTHER: Final = "_OTHER"
"""The conventions' word for a value beyond those that are told apart."""

ERROR_TYPE: Final = "error.type"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_SYSTEM: Final = "messaging.system"
DESTINATION: Final = "messaging.destination.name"
MESSAGE_ID: Final = "messaging.message.id"
CLIENT_ID: Final = "messaging.client.id"
BATCH_COUNT: Final = "messaging.batch.message_count"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

REFERENCE_TYPE: Final = "opentracing.ref_type"
CHILD_OF: Final = "child_of"
"""Its value on a link to the span's own parent: a backend that keeps one reference to a span takes it for the parent
then, as Jaeger does."""

BROKER: Final = "saq.broker"
FUNCTION: Final = "saq.job.function"
ATTEMPT: Final = "saq.job.attempt"
RETRIES: Final = "saq.job.retries"
TIMEOUT: Final = "saq.job.timeout"
SCHEDULED: Final = "saq.job.scheduled"
PRIORITY: Final = "saq.job.priority"
STATUS: Final = "saq.job.status"
WAIT_MS: Final = "saq.job.wait_ms"
WILL_RETRY: Final = "saq.job.will_retry"
WORKER_ID: Final = "saq.job.worker_id"
TRIGGER: Final = "saq.trigger"
CRON: Final = "saq.cron.expression"
DEDUPLICATED: Final = "saq.enqueue.deduplicated"
PROXIED: Final = "saq.proxied"
RETRY_DELAY: Final = "saq.retry.delay_s"
MAP_COUNT: Final = "saq.map.count"
MAP_FAILED: Final = "saq.map.failed"
QUEUE_STATE: Final = "saq.queue.state"


def error_type(error: BaseException) -> str:
    """Return an error's `error.type`: its class with its module, a builtin one by its bare name."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def describe_error(error: BaseException) -> str:
    """Return the text of an error; one that can't be shown must not hide the error itself."""
    try:
        return str(error)
    except Exception as other:  # noqa: BLE001 - a foreign `__str__` may raise whatever it likes
        return f"({type(error).__name__}, whose text raises {type(other).__name__})"
