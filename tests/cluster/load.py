"""Runs in a pod of the API, on standard input of its Python: sends files, and prints what became of their reports."""

from __future__ import annotations

import asyncio
import json
import sys

import httpx

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
    while True:
        try:
            report = (await http.get(location)).raise_for_status().json()
        except httpx.HTTPError:
            report = {"status": "not reached"}
        if report["status"] in {"complete", "failed"}:
            return report["status"]
        await asyncio.sleep(0.5)


async def main() -> None:
    async with httpx.AsyncClient(base_url=URL, timeout=60) as http:
        locations = [await send(http) for _ in range(FILES)]
        print(json.dumps({"sent": len(locations)}), flush=True)
        outcomes = await asyncio.gather(*(follow(http, location) for location in locations))
        print(json.dumps({status: outcomes.count(status) for status in set(outcomes)}), flush=True)


asyncio.run(main())
