"""Puts the broker's password where the containers read it: `python -m reference_app.password GIVEN TARGET`.

What the file GIVEN holds is copied. Where that is nothing, the password that TARGET has stays; the first time one is
made up, so that a deployment which nobody has given one has no known or empty one.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

__all__ = ("provide_password",)

_PATHS = 3


def provide_password(given: Path, target: Path) -> str:
    """Write the password, whole or not at all; return what was done."""
    wanted = given.read_text(encoding="utf-8").strip()
    present = target.read_text(encoding="utf-8").strip() if target.exists() else ""
    if present and wanted in {"", present}:
        return "The password stays."
    part = target.with_suffix(".part")
    part.write_text(wanted or secrets.token_urlsafe(32), encoding="utf-8")
    # Who reads it runs as another user; the volume is mounted by those alone.
    part.chmod(0o444)
    part.replace(target)
    return "The password is the given one." if wanted else "A password was made."


def main() -> int:
    """Run the command."""
    if len(sys.argv) != _PATHS:
        print("usage: python -m reference_app.password GIVEN TARGET", file=sys.stderr)  # noqa: T201 - a command
        return 2
    try:
        print(provide_password(Path(sys.argv[1]), Path(sys.argv[2])))  # noqa: T201 - a command
    except (OSError, UnicodeDecodeError) as error:
        print(f"The password can't be provided: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
