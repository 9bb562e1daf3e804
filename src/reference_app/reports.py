"""A report, as it is reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ("Report", "Status")

Status = Literal["queued", "running", "complete", "failed"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report and how far it is."""

    id: str
    status: Status
    rows: int
    """How many rows the file has below its header."""
    names: list[str]
    """The names of the file's columns."""
    split: bool
    """Whether each column is stored, and its job on the way."""
    done: int
    """How many columns are analysed."""
    columns: list[dict[str, Any]]
    """The figures of the columns that are analysed, in the file's order."""
    trace_id: str | None
    """The trace of the upload and of all jobs that it caused, in hex; None where nothing was traced."""
    error: str | None
    """Why the report failed, in a sentence."""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in {"complete", "failed"}

    @property
    def progress(self) -> float:
        """How many of the steps are done, from 0 to 1: the split, each column, the assembly."""
        if self.status == "complete":
            return 1.0
        return round((self.split + self.done) / (len(self.names) + 2), 4)

    def summary(self) -> dict[str, Any]:
        """Return how far the report is."""
        return {
            "id": self.id,
            "status": self.status,
            "progress": self.progress,
            "rows": self.rows,
            "trace_id": self.trace_id,
            "error": self.error,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report."""
        return {
            "id": self.id,
            "status": self.status,
            "progress": self.progress,
            "rows": self.rows,
            "columns": self.columns,
            "trace_id": self.trace_id,
            "error": self.error,
        }
