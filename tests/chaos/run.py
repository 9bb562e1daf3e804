"""A run: faults from a seed, until the time is over; then everything has to come to its end."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.history import Report, check
from tests.chaos.world import World

__all__ = ("FAULTS", "run")

_ENDS_S = 120.0
"""How long all may take to come to an end, once nothing happens any more."""


def kill(world: World, choose: random.Random) -> dict[str, int]:
    number = choose.randrange(len(world.workers))
    victim = world.signal(number, signal.SIGKILL)
    world.replace(number)
    return {"victim": victim}


def terminate(world: World, choose: random.Random) -> None:
    number = choose.randrange(len(world.workers))
    world.signal(number, signal.SIGTERM)
    world.replace(number)


def freeze(world: World, choose: random.Random) -> None:
    number = choose.randrange(len(world.workers))
    world.signal(number, signal.SIGSTOP)
    time.sleep(choose.choice((1.0, 14.0)))
    world.signal(number, signal.SIGCONT)


def kill_broker(world: World, choose: random.Random) -> None:
    world.server.kill()
    time.sleep(choose.choice((0.0, 3.0, 12.0)))
    world.server.start()


def stop_broker(world: World, choose: random.Random) -> None:
    world.server.freeze()
    time.sleep(choose.choice((1.0, 5.0, 12.0)))
    world.server.thaw()


def cut(world: World, choose: random.Random) -> None:
    for _ in range(choose.randrange(1, 6)):
        world.proxy.cut()
        time.sleep(choose.random() * 0.2)


def delay(world: World, choose: random.Random) -> None:
    world.proxy.delay(choose.choice((0.02, 0.2)))
    time.sleep(choose.choice((1.0, 4.0)))
    world.proxy.delay(0)


def pause_broker(world: World, choose: random.Random) -> None:
    world.server.pause(choose.choice((1.0, 5.0, 12.0)))


def fill_broker(world: World, choose: random.Random) -> None:
    world.server.fill()
    time.sleep(choose.choice((1.0, 5.0, 12.0)))
    world.server.empty()


def skew(world: World, choose: random.Random) -> None:
    number = choose.randrange(len(world.workers))
    world.signal(number, signal.SIGTERM)
    world.replace(number, skew_s=choose.choice((-60.0, 60.0)))


def block(world: World, choose: random.Random) -> None:
    world.enqueue(f"blocks-{choose.getrandbits(64):x}", seconds=0.0, blocks=12.0)


FAULTS: dict[str, Callable[[World, random.Random], dict[str, int] | None]] = {
    "kill": kill,
    "terminate": terminate,
    "freeze": freeze,
    "kill broker": kill_broker,
    "stop broker": stop_broker,
    "pause broker": pause_broker,
    "fill broker": fill_broker,
    "skew": skew,
    "cut": cut,
    "delay": delay,
    "block": block,
}


def run(
    folder: Path,
    *,
    broker: str = "redis",
    seed: int,
    seconds: float,
    workers: int = 3,
    rates: tuple[float, ...] = (40.0, 40.0),
    rest_s: float = 3.0,
    faults: tuple[str, ...] = tuple(FAULTS),
    show: Callable[[str], object] = print,
) -> Report:
    """Run; return what it came to.

    Args:
        folder: where its files are, an empty one.
        broker: `redis` or `postgres`.
        seed: of all that is chosen.
        seconds: how long there are faults.
        workers: how many workers.
        rates: of each producer, how many jobs a second.
        rest_s: the seconds between two faults, on average.
        faults: their names.
        show: called with what happens.
    """
    choose = random.Random(seed)
    world = World(folder, broker=broker, workers=workers, rates=rates, seed=seed)
    try:
        began = time.monotonic()
        order = list(faults)
        choose.shuffle(order)
        while time.monotonic() - began < seconds:
            time.sleep(choose.expovariate(1 / rest_s))
            # Each once before any comes again by chance.
            kind = order.pop() if order else choose.choice(faults)
            at = time.monotonic()
            told = FAULTS[kind](world, choose) or {}
            world.history.tell("fault", kind=kind, until=time.monotonic(), **{"at": at, **told})
            show(f"{time.monotonic() - began:6.1f} s: {kind}")
        world.stop_producers()
        deadline = time.monotonic() + _ENDS_S
        while not world.server.is_idle() and time.monotonic() < deadline:
            time.sleep(0.5)
        jobs = [event["job"] for event in world.history.read() if event["event"] == "acknowledged"]
        return check(world.history.read(), world.server.states(jobs))
    finally:
        world.close()
