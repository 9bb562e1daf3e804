"""A TCP proxy before the broker, that cuts connections and holds up what goes through."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress

__all__ = ("EitherProxy", "Proxy")

_HANDSHAKE = b"\x16"
"""With what a client begins that uses TLS."""


class Proxy:
    """Listens on a port of its own, in a thread and loop of its own.

    Args:
        port: where what comes goes on to.
        tls: makes who connects to it use TLS.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._target, self._tls = port, tls
        self._delay_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut every connection."""
        self._loop.call_soon_threadsafe(self._cut)

    def delay(self, seconds: float) -> None:
        """Hold up each part of what goes through for so long."""
        self._delay_s = seconds

    def close(self) -> None:
        """End."""

        def end() -> None:
            self._server.close()
            self._cut()
            self._loop.call_later(0.1, self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join()
        self._loop.close()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._join(reader, writer, self._target)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int, first: bytes = b""
    ) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.transport.abort()
            return
        there[1].write(first)
        self._writers |= {writer, there[1]}
        await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))
        if self._tls is not None:  # its end would be waited for
            writer.transport.abort()
        self._writers -= {writer, there[1]}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


class EitherProxy(Proxy):
    """Takes TLS and what is plain, at one port."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._encrypted = Proxy(port, tls)
        super().__init__(port)

    def close(self) -> None:
        """End."""
        super().close()
        self._encrypted.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        target = self._encrypted.port if first.startswith(_HANDSHAKE) else self._target
        await self._join(reader, writer, target, first)
