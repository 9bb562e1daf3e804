"""Files for the reference app, made up: the same seed gives the same file."""

from __future__ import annotations

import csv
import io
import random

__all__ = ("make_csv",)


def make_csv(columns: int, rows: int, seed: int) -> str:
    """Return a file with numbers, times and words in turn."""
    rng = random.Random(seed)  # noqa: S311 - made-up data
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(f"column {at}" for at in range(columns))
    kinds = (
        lambda: f"{rng.gauss(50, 10):.2f}",
        lambda: rng.choice(("red", "green", "blue", "black", "white")),
        lambda: str(rng.randrange(10_000)),
        lambda: f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
    )
    for _ in range(rows):
        writer.writerow(kinds[at % len(kinds)]() for at in range(columns))
    return text.getvalue()
