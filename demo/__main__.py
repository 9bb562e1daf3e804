"""Run the demo: `python -m demo --help`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the demo; return its exit code."""
    try:
        # Imported here, so that Ctrl-C while they load ends without a traceback too.
        import asyncio  # noqa: PLC0415

        from demo.options import read_options  # noqa: PLC0415
        from demo.session import run  # noqa: PLC0415

        return asyncio.run(run(read_options()))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
