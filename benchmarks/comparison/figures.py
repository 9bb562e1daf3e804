"""The figures: kept as JSON, written into the README as tables and a picture."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.chart import draw_rates
from benchmarks.comparison.plan import SLEEPS
from benchmarks.comparison.summary import Measurement, pick, summarize
from benchmarks.comparison.tables import IDEAL_NAPS, make_tables
from benchmarks.machine import processor, server_name
from benchmarks.page import write_between
from benchmarks.peers.adapter import NO_BULK, NO_INFO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.comparison.plan import Plan
    from benchmarks.comparison.processes import Peer

__all__ = ("Figures",)

HERE = Path(__file__).resolve().parents[1]
RAW, PAGE, PICTURE = HERE / "peers.json", HERE / "README.md", HERE / "peers.svg"
_TOLD = 160


class Figures:
    """Collects what is measured, and what could not be.

    Args:
        plan: what is measured.
        peers: of whom.
        server: what the broker tells of itself (`INFO server`).
    """

    def __init__(self, plan: Plan, peers: Sequence[Peer], server: Mapping[str, Any]) -> None:
        self._plan = plan
        self._peers = peers
        self._server = server_name(server)
        self._measured: list[Measurement] = []
        self._failed: dict[tuple[str, str], str] = {}
        self._loads = [os.getloadavg()[0]]

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement."""
        self._measured.append(measurement)
        self._loads.append(os.getloadavg()[0])

    def fail(self, step: str, variant: str, reason: str) -> None:
        """Keep why there is none."""
        self._failed[step, variant] = reason

    def keep_others(self) -> None:
        """Keep what the last run that was written has of other steps: this one is its other part.

        Raises:
            SystemExit: where that was of other packages, or another number of rounds or jobs.
        """
        before = json.loads(RAW.read_text("utf-8"))
        plan, mine = before["plan"], asdict(self._plan)
        versions = {name: facts["versions"] for name, facts in before["peers"].items()}
        if versions != {peer.variant.name: peer.facts["versions"] for peer in self._peers} or any(
            plan[name] != mine[name] for name in ("rounds", "jobs")
        ):
            raise SystemExit(f"{RAW.name} is of other versions, rounds or jobs: a part can't be added to it")
        steps = {step.name for step in self._plan.steps}
        self._measured += [Measurement(**one) for one in before["measurements"] if one["step"] not in steps]
        self._failed |= {
            (one["step"], one["variant"]): one["reason"] for one in before["failed"] if one["step"] not in steps
        }
        self._loads += before["load"].values()

    def rate(self, turn: int, variant: str) -> float | None:
        """Return what a variant has drained in a round, 50 at once."""
        of_turn = [one for one in self._measured if one.round == turn]
        return pick(summarize(of_turn), "drain-50", variant, "jobs_per_s")

    def markdown(self) -> str:
        """Return the tables and what is to be known of them."""
        tables = make_tables(summarize(self._measured), [peer.variant for peer in self._peers])
        return "\n\n".join([tables, *self._notes(), *self._sleeps(), self._circumstances()])

    def write(self, raw: Path | None = None) -> None:
        """Write the raw figures, the README's tables and the picture; the raw ones alone where a file is named."""
        (raw or RAW).write_text(json.dumps(self._everything(), indent=2) + "\n", "utf-8")
        if raw is None:
            PICTURE.write_bytes(draw_rates(summarize(self._measured), [peer.variant for peer in self._peers]))
            write_between(PAGE, "peers", f"![Jobs a second of each queue]({PICTURE.name})\n\n{self.markdown()}")

    def _everything(self) -> dict[str, Any]:
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.system()} {platform.machine()}",
            "processor": processor(),
            "cores": os.cpu_count(),
            "load": {"least": min(self._loads), "most": max(self._loads)},
            "broker": self._server,
            "peers": {peer.variant.name: peer.facts for peer in self._peers},
            "plan": asdict(self._plan),
            "summary": summarize(self._measured),
            "failed": [
                {"step": step, "variant": name, "reason": reason} for (step, name), reason in self._failed.items()
            ],
            "measurements": [asdict(one) for one in self._measured],
        }

    def _notes(self) -> list[str]:
        lines = []
        for peer in self._peers:
            facts = peer.facts
            versions = ", ".join(f"{package} {number}" for package, number in facts["versions"].items())
            lines.append(f"- **{peer.variant.title}** ({versions}): {facts['settings']}; results: {facts['results']}.")
        reasons = [f"{who}: {why}" for why, who in self._without()]
        reasons += [f"{name}, {step}: {_shown(reason)}" for (step, name), reason in self._failed.items()]
        dashes = ["Why there is a dash:\n\n" + "\n".join(f"- {one}." for one in reasons)] if reasons else []
        return ["\n".join(lines), *dashes]

    def _without(self) -> Iterator[tuple[str, str]]:
        """Yield what some of them don't have, and who they are."""
        unasked = "does not ask for results at an interval of one's choice"
        for fact, why in (("bulk", NO_BULK), ("polls", unasked), ("tells", NO_INFO)):
            if names := ", ".join(peer.variant.title for peer in self._peers if not peer.facts[fact]):
                yield why, names

    def _sleeps(self) -> Iterator[str]:
        rate = pick(summarize(self._measured), SLEEPS.name, SLEEPS.name, "jobs_per_s")
        if rate is not None:
            yield f"50 coroutines that only sleep for 10 ms, with no queue: {rate / IDEAL_NAPS * 100:.0f} % of 5,000."

    def _circumstances(self) -> str:
        plan = self._plan
        return (
            f"Medians of {plan.rounds} rounds of {plan.jobs:,} jobs, of 100 B where nothing else is said; "
            f"{processor()}, {os.cpu_count()} cores at a load of {min(self._loads):.1f} to {max(self._loads):.1f}, "
            f"Python {platform.python_version()}, {self._server}, all on one machine; {datetime.now(UTC):%Y-%m-%d}."
        )


def _shown(reason: str) -> str:
    """Return the last line of what was said, which has the error."""
    return next((line for line in reversed(reason.splitlines()) if line.strip()), "").strip()[:_TOLD]
