"""Jobs and cron jobs: SAQ's own, that show no arguments and refuse what can't run."""

from __future__ import annotations

import os
import time
from copy import copy
from dataclasses import dataclass, field, fields
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from croniter import croniter
from saq.job import ABORT_ID_PREFIX, Status
from saq.job import CronJob as SaqCronJob
from saq.job import Job as SaqJob
from saq.types import Context

from litestar_saq._checks import Fields
from litestar_saq._metadata import ON_LOSS, ON_LOSS_VALUES, visible_meta
from litestar_saq.exceptions import FieldError

if TYPE_CHECKING:
    from litestar_saq.typing import Task

__all__ = ("CronJob", "Job")

_HIDDEN = "…"


_random = Random()  # noqa: S311 - not a secret; a program may seed the one that all share
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def make_key() -> str:
    """Return a key that no other job has: a UUID of version 7, by a generator of our own, which takes a µs."""
    random = _random.getrandbits(74)
    bits = time.time_ns() // 1_000_000 << 80 | 7 << 76 | random >> 62 << 64 | 2 << 62 | random & (1 << 62) - 1
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(eq=False, repr=False)
class Job(SaqJob):
    """A run of a function, as SAQ keeps it.

    It differs from `saq.Job` in what it shows: arguments, result, metadata and the
    error's text never appear in `repr` or `info`, because SAQ puts both into logs.
    """

    key: str = field(default_factory=make_key)
    SECRET_FIELDS: ClassVar[frozenset[str]] = frozenset({"kwargs", "result", "meta", "error"})

    def to_dict(self) -> dict[str, Any]:
        """Return what is stored: what differs from the defaults, the status last (see the script `TURN`)."""
        stored: dict[str, Any] = {}
        values = self.__dict__
        for name, default in _STORED:
            value = values[name]
            # What compares quickly and to one answer needs no call.
            if value is not default and (value != default if value.__class__ in _PLAIN else not _same(value, default)):
                stored[name] = value
        if self.queue is not None:
            stored["queue"] = self.queue.name
        if self.meta:
            stored["meta"] = self.meta
        if self.status is not Status.NEW:
            stored["status"] = self.status
        return stored

    @property
    def abort_id(self) -> str:
        """The key of the mark that the job was aborted; of a queue with a hash tag (`{reports}`) in that one's slot."""
        return abort_id_of(self)

    def info(self, full: bool = False) -> str:
        """Describe the job in a line for logs.

        Args:
            full: with time-outs, retries and state; what may be secret is shown as `…`.
        """
        shown = copy(self)
        shown.meta = visible_meta(self.meta)
        for name in self.SECRET_FIELDS:
            if getattr(shown, name):
                setattr(shown, name, _HIDDEN)
        return SaqJob.info(shown, full)


def abort_id_of(job: SaqJob) -> str:
    """Return `Job.abort_id`, of a job of SAQ's own class too."""
    name = job.queue.name if job.queue is not None else ""
    return f"{ABORT_ID_PREFIX}{name}:{job.key}" if "{" in name else f"{ABORT_ID_PREFIX}{job.key}"


_BEGUN = "_begun"


def mark_begun(job: SaqJob, stored: bytes) -> None:
    """Keep with a job that it was marked as active for its worker when it was taken, and what is stored of it since."""
    vars(job)[_BEGUN] = stored


def pop_begun(job: SaqJob) -> bytes | None:
    """Return what is stored of such a job, once; None for another."""
    stored: bytes | None = vars(job).pop(_BEGUN, None)
    return stored


_EXPECTED = "_expected"


def mark_expected(job: SaqJob, stored: bytes) -> None:
    """Keep with a job what is stored of it: what is written next takes the place of that alone."""
    vars(job)[_EXPECTED] = stored


def pop_expected(job: SaqJob) -> bytes | None:
    """Return what is to be stored of such a job, once; None for another."""
    stored: bytes | None = vars(job).pop(_EXPECTED, None)
    return stored


_MADE = "_made"


def mark_made(job: SaqJob) -> None:
    """Keep with a job that its key was made for it just now, and that nobody else has the job."""
    vars(job)[_MADE] = job.key


def pop_made(job: SaqJob) -> bool:
    """Tell, once, whether a job is such a one and has still that key."""
    key: str | None = vars(job).pop(_MADE, None)
    return key is not None and key == job.key


_PLAIN = {str, int, float, bool, dict, list}
_STORED = tuple(
    (field.name, field.default) for field in fields(SaqJob) if field.name not in {"queue", "meta", "status"}
)


def _same(value: object, default: object) -> bool:
    try:
        return bool(value == default)
    except ValueError:  # an array compares each of its items
        return False


@dataclass(kw_only=True)
class CronJob(SaqCronJob[Context]):
    """A job that is repeated by cron syntax (SAQ's `CronJob`, with `meta` and import strings).

    Several cron jobs on one function each run: their keys differ by the cron expression.

    Raises:
        FieldError: where a value is not accepted, such as a `cron` that is no cron expression.
    """

    function: Task | str = field(kw_only=False)  # type: ignore[assignment]  # a path is loaded at construction
    """The function, or its import path (`package.module.function`)."""
    cron: str = field(kw_only=False)
    """A cron expression of croniter: five fields, or six with seconds."""
    kwargs: dict[str, Any] | None = field(default=None, repr=False)
    """The function's arguments."""
    meta: dict[str, Any] = field(default_factory=dict, repr=False)
    """Metadata of each job; copied for every run."""

    def __post_init__(self) -> None:
        # SAQ's field is a function; ours takes a path as well, and is one from here on.
        self.function = load_function("CronJob", "function", self.function)  # pyright: ignore[reportIncompatibleMethodOverride]
        if not isinstance(self.cron, str) or not croniter.is_valid(self.cron):
            raise FieldError("CronJob", "cron", self.cron, "a cron expression such as '*/5 * * * *' (or six fields)")
        check = Fields(self)
        check.flag("unique")
        check.number("timeout", least=0, optional=True)
        check.number("heartbeat", least=0, optional=True)
        check.whole("retries", least=0, optional=True)
        check.whole("ttl", least=-1, optional=True)
        check.mapping("kwargs", optional=True)
        check.mapping("meta")
        if (asked := self.meta.get(ON_LOSS, ON_LOSS_VALUES[0])) not in ON_LOSS_VALUES:
            raise FieldError("CronJob", f"meta[{ON_LOSS!r}]", asked, " or ".join(map(repr, ON_LOSS_VALUES)))

    @property
    def name(self) -> str:
        """The name that the job's function has in the queue (its qualified name, as in SAQ)."""
        return function_name(self.function)


def function_name(function: Task | str) -> str:
    """Return the name that SAQ gives to a function without one of its own."""
    return function if isinstance(function, str) else str(function.__qualname__)


def load_function(owner: str, field_name: str, value: Task | str) -> Task:
    """Return a callable, importing it where a path is given.

    Raises:
        FieldError: where the value is no callable and names none.
    """
    loaded: Any = value
    if isinstance(value, str):
        try:
            from litestar.utils.module_loader import import_string  # noqa: PLC0415 - plain SAQ programs need no Litestar

            loaded = import_string(value)
        except ImportError as error:
            # Litestar leaves its message and what goes into it apart.
            message, *parts = error.args
            reason = str(message) % tuple(parts) if parts else str(error)
            raise FieldError(owner, field_name, value, f"it can't be imported ({reason})") from error
    if not callable(loaded) or not hasattr(loaded, "__qualname__"):
        raise FieldError(owner, field_name, value, "a function, or its import path 'package.module.function'")
    return loaded  # type: ignore[no-any-return]
