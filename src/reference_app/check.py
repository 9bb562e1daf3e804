"""Whether the deployment works: `python -m reference_app.check URL` sends a file to the API and looks at its report."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import httpx

__all__ = ("CheckError", "check")

TIMEOUT_S = 120.0
_REQUEST_S = 30.0
_POLL_S = 0.25
_ROWS = 100
_FILE = "number,parity\n" + "".join(f"{number},{'odd' if number % 2 else 'even'}\n" for number in range(_ROWS))
_MEAN = (_ROWS - 1) / 2


class CheckError(Exception):
    """The deployment does not make reports."""


def check(url: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Send a file, wait for its report, and return that.

    Args:
        url: the API's address.
        timeout_s: how long the report may take.

    Raises:
        CheckError: where the API is not reached or refuses the file, or the report fails, is wrong, or takes longer.
    """
    ends = time.monotonic() + timeout_s
    try:
        with httpx.Client(base_url=url, timeout=_REQUEST_S, trust_env=False) as http:
            answer = http.post("/reports", content=_FILE, headers={"content-type": "text/csv"})
            if answer.status_code != httpx.codes.ACCEPTED:
                raise CheckError(f"the API refused the file with status {answer.status_code}")
            return _wait(http, answer.headers["location"], ends, answer.json()["trace_id"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CheckError(f"{url} is not reached: {error or type(error).__name__}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckError(f"{url} does not answer as the API does") from error


def _wait(http: httpx.Client, location: str, ends: float, trace_id: str) -> dict[str, Any]:
    while True:
        report: dict[str, Any] = http.get(location).raise_for_status().json()
        if report["status"] == "complete":
            _look_at(report)
            return {**report, "trace_id": trace_id}
        if report["status"] == "failed":
            raise CheckError(f"the report {report['id']} failed; its trace is {trace_id}")
        if time.monotonic() > ends:
            raise CheckError(f"the report {report['id']} is {report['status']} still: does a worker of each queue run?")
        time.sleep(_POLL_S)


def _look_at(report: dict[str, Any]) -> None:
    means = {column["name"]: column.get("mean") for column in report["columns"]}
    if report["rows"] != _ROWS or means.get("number") != _MEAN:
        raise CheckError(f"the report {report['id']} has other figures than the file")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_app.check", description="Send a file to the API and look at its report."
    )
    parser.add_argument("url", metavar="URL", help="the API's address, as in http://127.0.0.1:8000")
    began = time.monotonic()
    try:
        report = check(parser.parse_args().url)
    except CheckError as error:
        print(f"The check failed: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    except KeyboardInterrupt:
        return 130
    took = f"{time.monotonic() - began:.1f} s"
    print(f"The report {report['id']} was there after {took}; its trace is {report['trace_id']}")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
