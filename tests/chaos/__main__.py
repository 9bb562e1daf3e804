"""A long run: `python -m tests.chaos --minutes 30`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.brokers import BROKERS
from tests.chaos.figures import write
from tests.chaos.run import FAULTS, run


def main() -> int:
    """Run, show what it came to, and return 1 where something is lost or ran twice for no reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Harm workers, broker and connections.")
    parser.add_argument("--minutes", type=float, default=30, help="how long (%(default)s)")
    parser.add_argument("--broker", choices=tuple(BROKERS), default="redis", help="which broker (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is chosen (the time)")
    parser.add_argument("--rate", type=float, default=60, help="jobs a second (%(default)s)")
    parser.add_argument("--workers", type=int, default=3, help="how many (%(default)s)")
    parser.add_argument("--faults", default=",".join(FAULTS), help="which, with commas (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/chaos.json and the table of docs/delivery.md")
    options = parser.parse_args()
    if unknown := set(options.faults.split(",")) - set(FAULTS):
        parser.error(f"{', '.join(sorted(unknown))}: not of {', '.join(FAULTS)}")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {options.seed}, in {folder}", flush=True)
    try:
        report = run(
            folder,
            broker=options.broker,
            seed=options.seed,
            seconds=options.minutes * 60,
            workers=options.workers,
            rates=(options.rate / 2,) * 2,
            faults=tuple(options.faults.split(",")),
            show=lambda text: print(text, flush=True),
        )
    except KeyboardInterrupt:
        return 130
    print(report)
    for name, jobs in (("lost", report.lost), ("ran again for no reason", report.unexplained)):
        if jobs:
            print(f"{name}: {', '.join(jobs)}")
    if options.write:
        write(report, broker=options.broker, seed=options.seed, minutes=options.minutes)
    return 0 if report.is_good else 1


sys.exit(main())
