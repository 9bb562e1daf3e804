"""Errors of the library: one root, and what each says by default is its docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.exceptions import ImproperlyConfiguredException

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = (
    "FieldError",
    "ImproperConfigurationError",
    "JobCancelledError",
    "JobFieldError",
    "JobTooLargeError",
    "LitestarSaqError",
    "MissingDependencyError",
    "UnknownFunctionError",
    "UnknownQueueError",
    "UnreadableJobError",
)


class LitestarSaqError(Exception):
    """Something went wrong in Litestar SAQ."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(args or (self.__doc__,)))

    def __reduce__(self) -> tuple[Any, ...]:
        # An error's arguments are not those of its class, by which it would be made again in another process.
        return _restore, (type(self), self.args, vars(self))


def _restore(kind: type[LitestarSaqError], args: tuple[object, ...], attributes: dict[str, Any]) -> LitestarSaqError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(attributes)
    return error


class ImproperConfigurationError(LitestarSaqError, ImproperlyConfiguredException):
    """The configuration of Litestar SAQ is not usable."""

    def __init__(self, detail: str | None = None) -> None:
        message = detail or str(type(self).__doc__)
        ImproperlyConfiguredException.__init__(self, detail=message)
        self.args = (message,)

    def __str__(self) -> str:
        return str(self.args[0])


class FieldError(ImproperConfigurationError):
    """A field of a configuration holds a value that is not accepted.

    Attributes:
        owner: the configuration's class.
        field: the field's name.
    """

    def __init__(self, owner: str, field: str, value: object, accepted: str) -> None:
        self.owner = owner
        self.field = field
        super().__init__(f"{owner}.{field} = {value!r} is not accepted: {accepted}")


class MissingDependencyError(ImproperConfigurationError, ImportError):
    """A package of an extra is not installed.

    Attributes:
        package: the package that is missing.
        needed_extra: the extra of `litestar-saq` that brings it.
    """

    def __init__(self, package: str, *, extra: str) -> None:
        self.package = package
        self.needed_extra = extra
        super().__init__(
            f"the package {package!r} is not installed; install it with: pip install 'litestar-saq[{extra}]'"
        )


class UnknownQueueError(ImproperConfigurationError):
    """No queue of that name is configured.

    Attributes:
        name: the name that was asked for.
        known: the names of the configured queues.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(f"no queue is named {name!r}; configured queues: {', '.join(self.known) or 'none'}")


class UnknownFunctionError(LitestarSaqError):
    """A job names a function that its worker does not have.

    Attributes:
        function: the name in the job.
        known: the names that the worker has.
    """

    def __init__(self, function: str, queue: str, known: Iterable[str]) -> None:
        self.function = function
        self.known = tuple(sorted(known))
        super().__init__(
            f"the worker of queue {queue!r} has no function {function!r}; it has: {', '.join(self.known) or 'none'}"
        )


class JobFieldError(LitestarSaqError, ValueError):
    """A job that is to be enqueued has a field that is not accepted: it could not be read again.

    Attributes:
        function: the job's function.
        field: the field's name.
    """

    def __init__(self, function: object, field: str, value: str, accepted: str) -> None:
        self.function, self.field = function, field
        super().__init__(f"{field} = {value} of a job of {function!r} is not accepted: {accepted}")


class JobTooLargeError(LitestarSaqError, ValueError):
    """A job takes more bytes than the queue accepts.

    Attributes:
        function: the job's function.
        size: how many bytes it takes as it is stored.
        limit: how many are accepted.
    """

    def __init__(self, function: str, size: int, limit: int) -> None:
        self.function, self.size, self.limit = function, size, limit
        super().__init__(
            f"a job of {function!r} takes {size} bytes, and {limit} are accepted (QueueConfig.max_job_bytes): "
            "keep what is large elsewhere, and give the job where it is"
        )


class UnreadableJobError(LitestarSaqError, ValueError):
    """What is stored under a job's key is no job of its queue.

    Attributes:
        queue: the queue.
        reason: why; it holds no argument and no result.
    """

    def __init__(self, queue: str, reason: str) -> None:
        self.queue, self.reason = queue, reason
        super().__init__(f"a job of queue {queue!r} can't be read: {reason}")


class JobCancelledError(LitestarSaqError):
    """The job's function ended itself by a CancelledError."""
