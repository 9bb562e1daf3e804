"""Whether the workers of this machine or container live: `python -m litestar_saq.health FOLDER`.

It reads the files that workers keep in the folder (`SAQConfig.health_dir`), and imports neither the application nor a
broker's client.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ("MAX_AGE_S", "SUFFIX", "WorkerHealth", "main", "read_health")

MAX_AGE_S = 30.0
"""How old the last sign of life of a worker that lives may be: a job that blocks the event loop delays it."""
SUFFIX = ".worker"
"""How the names of the files end."""


class WorkerHealth:
    """What a worker's file tells."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.queue = str(told["queue"])
        self.worker_id = str(told["worker_id"])
        self.state = str(told["state"])
        self.age_s = time.monotonic() - float(told["at"])
        """Seconds since the last sign of life."""

    def fault(self, max_age_s: float, *, ready: bool) -> str | None:
        """Return what is wrong with the worker, in a sentence; None where nothing is.

        Args:
            max_age_s: how old the last sign of life may be.
            ready: whether one that takes no jobs is at fault, too.
        """
        if self.age_s > max_age_s:
            return f"{self}: no sign of life for {self.age_s:.0f} s, {max_age_s:g} s at most are accepted"
        if ready and self.state != "running":
            return f"{self}: takes no jobs, it is {self.state}"
        return None

    def __str__(self) -> str:
        return f"worker {self.worker_id} of queue {self.queue!r}"


def read_health(folder: Path) -> Iterator[WorkerHealth]:
    """Return the workers of a folder whose processes run."""
    import fcntl  # noqa: PLC0415 - Windows has none, and can import this module

    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                with suppress(ValueError, KeyError):  # it is being made at this moment
                    yield WorkerHealth(json.loads(file.read()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell whether the workers live; return the exit code: 0 where they do, 1 where one does not or there is none."""
    parser = argparse.ArgumentParser(
        prog="python -m litestar_saq.health",
        description="Tell whether the workers that keep a file in FOLDER live (SAQConfig.health_dir).",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the workers' files")
    parser.add_argument("--ready", action="store_true", help="also fail where a worker takes no jobs")
    parser.add_argument(
        "--max-age", type=_seconds, default=MAX_AGE_S, metavar="S", help="the oldest sign of life (%(default)g s)"
    )
    options = parser.parse_args(arguments)
    try:
        workers = list(read_health(options.folder))
    except OSError as error:
        print(f"{error.filename} can't be read: {error.strerror}", file=sys.stderr)  # noqa: T201 - the answer
        return 1
    faults = [fault for worker in workers if (fault := worker.fault(options.max_age, ready=options.ready))]
    if not workers:
        faults.append(f"no worker that keeps a file in {options.folder} runs")
    for line in faults or [f"{worker}: {worker.state}, {worker.age_s:.1f} s ago" for worker in workers]:
        print(line, file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not accepted: seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
