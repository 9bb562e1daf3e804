"""A process that uses the embedded server as it is told over a socket; see `test_embedded.py`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import IO, Any

from litestar_saq.brokers.embedded import embedded_redis


class User:
    def __init__(self, dsn: str, port: int) -> None:
        self.dsn, self.port = dsn, port
        self.loop = asyncio.new_event_loop()
        self.redis = embedded_redis(dsn)

    def serve(self) -> None:
        control: IO[str] = socket.create_connection(("127.0.0.1", self.port)).makefile("rw")
        self.reply(control, os.getpid())
        for line in control:
            if line == "fork\n" and os.fork() == 0:
                inherited = self.redis
                self.loop, self.redis = asyncio.new_event_loop(), embedded_redis(self.dsn)
                self.serve()
                os._exit(inherited.connection_pool.hold.held)
            try:
                self.reply(control, self.loop.run_until_complete(self.do(*line.split())))
            except Exception as error:  # noqa: BLE001 - the test shows it
                self.reply(control, {"error": f"{type(error).__name__}: {error}"})

    def reply(self, control: IO[str], value: object) -> None:
        control.write(json.dumps(value) + "\n")
        control.flush()

    async def do(self, command: str, *args: str) -> Any:
        for _ in range(3):  # a process at rest would have seen by now what its sockets have to say
            await asyncio.sleep(0)
        return await getattr(self, command)(*args)

    async def incr(self) -> int:
        return await self.redis.incr("n")

    async def server(self) -> int:
        return (await self.redis.info("server"))["process_id"]

    async def close(self) -> bool:
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()
        return self.redis.connection_pool.hold.held

    async def fork(self) -> None:
        """The parent's side."""

    async def held(self) -> bool:
        return self.redis.connection_pool.hold.held

    async def ignore_interrupts(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def come_and_go(self, times: str) -> int:
        for round_ in range(int(times)):
            redis = embedded_redis(self.dsn)
            await redis.set(f"{os.getpid()}", round_)
            # It is held, so it is the same server and has what was written.
            await asyncio.gather(*(redis.incr("n") for _ in range(3)))
            if await redis.get(f"{os.getpid()}") != str(round_).encode():
                raise AssertionError("the server was taken away from a user")
            await redis.aclose()
        return int(times)


if __name__ == "__main__":
    User(sys.argv[1], int(sys.argv[2])).serve()
    os._exit(0)  # closes nothing: the kernel lets go for it
