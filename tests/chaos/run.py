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
    world.kill_broker(choose.choice((0.0, 3.0, 12.0)))


def stop_broker(world: World, choose: random.Random) -> None:
    world.stop_broker(choose.choice((1.0, 5.0, 12.0)))


def pause_clients(world: World, choose: random.Random) -> None:
    seconds = choose.choice((0.5, 2.0))
    with world.client() as redis:
        redis.client_pause(int(seconds * 1000))
    time.sleep(seconds)


def cut(world: World, choose: random.Random) -> None:
    for _ in range(choose.randrange(1, 6)):
        world.proxy.cut()
        time.sleep(choose.random() * 0.2)


def delay(world: World, choose: random.Random) -> None:
    world.proxy.delay(choose.choice((0.02, 0.2)))
    time.sleep(choose.choice((1.0, 4.0)))
    world.proxy.delay(0)


def block(world: World, choose: random.Random) -> None:
    with world.client() as redis:
        # As a job of SAQ's own is written.
        key = f"blocks-{choose.getrandbits(64):x}"
        job = (
            f'{{"function":"work","kwargs":{{"seconds":0,"blocks":12}},"timeout":120,"retries":20,"ttl":86400,'
            f'"queued":{int(time.time() * 1000)},"key":"{key}","queue":"chaos","status":"queued"}}'
        )
        redis.set(f"saq:job:chaos:{key}", job)
        redis.zadd("saq:chaos:incomplete", {f"saq:job:chaos:{key}": 0})
        redis.rpush("saq:chaos:queued", f"saq:job:chaos:{key}")
    world.history.tell("acknowledged", job=key)
    time.sleep(1)


FAULTS: dict[str, Callable[[World, random.Random], dict[str, int] | None]] = {
    "kill": kill,
    "terminate": terminate,
    "freeze": freeze,
    "kill broker": kill_broker,
    "stop broker": stop_broker,
    "pause clients": pause_clients,
    "cut": cut,
    "delay": delay,
    "block": block,
}


def run(
    folder: Path,
    *,
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
        seed: of all that is chosen.
        seconds: how long there are faults.
        workers: how many workers.
        rates: of each producer, how many jobs a second.
        rest_s: the seconds between two faults, on average.
        faults: their names.
        show: called with what happens.
    """
    choose = random.Random(seed)
    world = World(folder, workers=workers, rates=rates, seed=seed)
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
        while not world.is_idle() and time.monotonic() < deadline:
            time.sleep(0.5)
        jobs = [event["job"] for event in world.history.read() if event["event"] == "acknowledged"]
        return check(world.history.read(), world.states(jobs))
    finally:
        world.close()
