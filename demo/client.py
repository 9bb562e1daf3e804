"""The demo as a client of the API: sends a file, follows its report."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ("ApiClient", "RefusedError")

READY_POLL_S = 0.1
FINISHED = ("complete", "failed")


class RefusedError(Exception):
    """The API does not accept a file, or its report failed; the message is the API's sentence."""


class ApiClient:
    """Speaks to the API at a URL."""

    def __init__(self, url: str) -> None:
        # Without a proxy and its settings: the API is on this machine.
        self._http = httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def wait_until_ready(self) -> None:
        """Wait until the API answers that it is ready, its broker included."""
        while True:
            try:
                if (await self._http.get("/health/ready")).is_success:
                    return
            except httpx.TransportError:
                pass  # it is not listening yet; whether it still runs is watched elsewhere
            await asyncio.sleep(READY_POLL_S)

    async def upload(self, path: Path) -> dict[str, Any]:
        """Send a CSV file; return the API's answer: `id`, `status`, `trace_id`.

        Raises:
            RefusedError: where the API refuses it.
        """
        with path.open("rb") as file:
            answer = await self._http.post("/reports", files={"file": (path.name, file, "text/csv")})
        if answer.is_error:
            raise RefusedError(_sentence(answer))
        accepted: dict[str, Any] = answer.json()
        return accepted

    async def follow(self, report_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the states of a report as the API sends them, up to the last one."""
        while True:
            try:
                async with self._http.stream("GET", f"/reports/{report_id}/events", timeout=None) as answer:
                    answer.raise_for_status()
                    async for line in answer.aiter_lines():
                        if line.startswith("data:"):
                            state: dict[str, Any] = json.loads(line.removeprefix("data:"))
                            yield state
                            if state.get("status") in FINISHED:
                                return
            except httpx.TransportError:
                pass  # ask again: a report outlives a connection
            await asyncio.sleep(READY_POLL_S)

    async def report(self, report_id: str) -> tuple[bytes, dict[str, Any]]:
        """Return a report's JSON as the API sends it, and read.

        Raises:
            RefusedError: where the report failed.
        """
        answer = await self._http.get(f"/reports/{report_id}")
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        if report["status"] == "failed":
            raise RefusedError(report["error"])
        return answer.content, report


def _sentence(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}: {answer.text[:200]}"
