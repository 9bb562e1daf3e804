"""Runs in a pod of the API, on standard input of its Python: sends files, and prints what became of their reports."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx

WITHIN_S = 240
URL, FILES, COLUMNS, ROWS = sys.argv[1], *map(int, sys.argv[2:5])
HEADER = ",".join(f"c{column}" for column in range(COLUMNS))
FILE = HEADER + "\n" + "".join(",".join(str(row * column) for column in range(COLUMNS)) + "\n" for row in range(ROWS))


async def send(http: httpx.AsyncClient) -> str:
    while True:
        try:
            answer = await http.post("/reports", content=FILE, headers={"content-type": "text/csv"})
            return answer.raise_for_status().headers["location"]
        except httpx.HTTPError:
            await asyncio.sleep(0.5)  # not taken: the file is still the sender's


async def follow(http: httpx.AsyncClient, location: str) -> str:
    """Return the report's status once it has ended, or what was seen last."""
    ends = time.monotonic() + WITHIN_S
    seen = ""
    while seen not in {"complete", "failed"} and time.monotonic() < ends:
        await asyncio.sleep(0.5)
        try:
            answer = await http.get(location)
            seen = answer.json()["status"] if answer.is_success else f"{location}: {answer.status_code}"
        except httpx.HTTPError as error:
            seen = f"{location}: {error!r}"
    return seen


async def main() -> None:
    async with httpx.AsyncClient(base_url=URL, timeout=60) as http:
        locations = [await send(http) for _ in range(FILES)]
        print(json.dumps({"sent": len(locations)}), flush=True)
        outcomes = await asyncio.gather(*(follow(http, location) for location in locations))
        print(json.dumps({status: outcomes.count(status) for status in set(outcomes)}), flush=True)


asyncio.run(main())
