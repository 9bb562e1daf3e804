import asyncio
from typing import Any

from litestar_saq.testing import InMemoryQueue, assert_enqueued, run_until_empty


async def greet(ctx: dict[str, Any], *, name: str) -> str:
    return f"Hello, {name}!"


async def test_greeting() -> None:
    queue = InMemoryQueue("greetings")
    await queue.enqueue("greet", name="Ada", retries=3)

    assert_enqueued(queue, "greet", name="Ada")
    jobs = await run_until_empty(queue, [greet])
    assert [job.result for job in jobs] == ["Hello, Ada!"]


if __name__ == "__main__":
    asyncio.run(test_greeting())
