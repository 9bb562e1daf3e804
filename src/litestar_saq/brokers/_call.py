"""Sends commands that have hundreds of arguments: what the client takes for each of them would be most of the time."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hiredis import pack_command
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as LateAnswerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence

    from redis.asyncio import Redis

__all__ = ("ScriptCall", "ask", "without_command")

_COMMAND = re.compile(r"Command # (\d+) \(.*\) of pipeline caused error: ", re.DOTALL)


@contextmanager
def without_command() -> Iterator[None]:
    """Take out of a pipeline's error what redis-py tells of the command: it may be a job with its arguments."""
    try:
        yield
    except RedisError as error:
        error.args = tuple(_COMMAND.sub(r"command \1 of a pipeline: ", str(one)) for one in error.args)
        raise


class ScriptCall:
    """A script of a client's.

    It is never sent again by itself: where the answer is lost, it may have run.

    Args:
        redis: the client.
        script: the script.
    """

    def __init__(self, redis: Redis, script: str) -> None:
        self._redis: Any = redis
        self._script: Any = redis.register_script(script)

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str | bytes | float]) -> Any:
        """Run it; return its answer."""
        pool = self._redis.connection_pool
        connection = await pool.get_connection()
        try:
            try:
                return await ask(connection, "EVALSHA", self._script.sha, len(keys), *keys, *arguments)
            except NoScriptError:
                return await ask(connection, "EVAL", self._script.script, len(keys), *keys, *arguments)
        finally:
            await pool.release(connection)

    async def in_order(
        self, calls: Iterable[tuple[Sequence[str], Sequence[str | bytes | float]]]
    ) -> AsyncGenerator[Any, None]:
        """Run it with each of these keys and arguments, in their order; give the answers.

        Where the server refuses one, its error comes in the place of the answer. All go over one connection, on which
        nothing overtakes: over two, what is sent later may be done first. The next ones are made and sent while the
        server is busy with those before. Its text goes along, so that none is refused for that and comes after the
        others.
        """
        pool = self._redis.connection_pool
        connection = await pool.get_connection()
        under_way = 0
        try:
            for keys, arguments in calls:
                command: tuple[Any, ...] = ("EVAL", self._script.script, len(keys), *keys, *arguments)
                await connection.send_packed_command(pack_command(command))
                under_way += 1
                if under_way > 1:
                    answer = await _answer(connection)
                    under_way -= 1
                    yield answer
            while under_way:
                answer = await _answer(connection)
                under_way -= 1
                yield answer
        finally:
            # Else the next one who has the connection would get the answers.
            if under_way:
                await connection.disconnect(nowait=True)
            await pool.release(connection)


async def _read(connection: Any, timeout_s: float | None) -> Any:
    if timeout_s is None:
        return await connection.read_response()
    try:
        async with asyncio.timeout(timeout_s):
            # One of redis-py's own would come as an answer, of nothing, with the server's still to come.
            return await connection.read_response(timeout=timeout_s * 2)
    except TimeoutError:
        raise LateAnswerError(f"no answer within {timeout_s:g} s") from None


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


async def ask(connection: Any, *command: Any, timeout_s: float | None = None) -> Any:
    """Send a command over a connection of a client's pool; return its answer.

    Args:
        connection: the connection.
        *command: the command and its arguments.
        timeout_s: how long the answer may take, where that is not what the connection's time-out is meant for.

    Raises:
        RedisError: the server's error, or the connection's.
    """
    answered = False
    try:
        await connection.send_packed_command(pack_command(command))
        answer = await _read(connection, timeout_s)
        answered = True
    except ResponseError:
        answered = True
        raise
    finally:
        # Else the next one who has the connection would get this answer.
        if not answered:
            await connection.disconnect(nowait=True)
    return answer
