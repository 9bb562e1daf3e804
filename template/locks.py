"""Locked requirements of a made project: those of the repository that the project needs, with the same versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("name_of", "needed")


def name_of(requirement: str) -> str:
    """Return the name in a requirement, as indexes write it."""
    found = re.match(r"[\w.-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def needed(lock: str, roots: Iterable[str]) -> str:
    """Return the part of a lock that these requirements need.

    Args:
        lock: as `uv pip compile` writes it, with a comment at each requirement that says what needs it.
        roots: the requirements.
    """
    blocks = {name_of(block): block for block in re.split(r"^(?=\w)", lock, flags=re.MULTILINE) if block.strip()}
    needed_by = {name: set(_parents(block)) for name, block in blocks.items()}
    kept = {name_of(root) for root in roots} & set(blocks)
    while more := {name for name, parents in needed_by.items() if parents & kept} - kept:
        kept |= more
    lines = (line for name in blocks if name in kept for line in blocks[name].splitlines(keepends=True))
    return "".join(line for line in lines if not line.lstrip().startswith("#"))


def _parents(block: str) -> Iterable[str]:
    for line in block.splitlines():
        if line.lstrip().startswith("#"):
            yield name_of(line.strip(" #").removeprefix("via"))
