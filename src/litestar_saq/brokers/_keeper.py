"""The process that keeps an embedded server running for as long as somebody uses it.

It runs by this file's path and imports the standard library alone, so that it starts in milliseconds.

The lock on `gate` guards every start and stop. Each user holds a shared lock on the run directory itself,
which the kernel drops however the user ends. Order: `gate` before the directory; nobody waits for `gate`
while holding the directory exclusively.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if sys.platform != "win32":  # there, the DSN is refused before a lock is taken
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ("POLL_S", "START_S", "STOP_S", "RunDirectory", "answers", "clean", "is_same", "take")

POLL_S = 0.005
START_S = 60.0
"""How long a server may take to load its data."""
STOP_S = 30.0
"""How long a server may take to write its data when it stops, before it is killed."""
DATA_S = 5.0
"""How long the data of a folder may still be in use, by a server whose keeper was killed."""
_PR_SET_PDEATHSIG = 1


class RunDirectory(NamedTuple):
    """Where the processes that share a server meet, and the folder that its data is kept in (None: not kept)."""

    path: str
    folder: str | None

    @property
    def gate(self) -> str:
        """The file whose lock is held by whoever starts or stops the server."""
        return f"{self.path}/gate"

    @property
    def keeper(self) -> str:
        """The file whose lock is held by the keeper for as long as it lives."""
        return f"{self.path}/keeper"

    @property
    def data(self) -> str:
        """The file whose lock the server itself inherits: no two servers write the same data."""
        return f"{self.folder}/.litestar-saq.lock" if self.folder else f"{self.path}/data"

    @property
    def socket(self) -> str:
        """The server's Unix socket."""
        return f"{self.path}/sock"

    @property
    def log(self) -> str:
        """What the keeper and the server have to say."""
        return f"{self.path}/log"


def take(fd: int, mode: int, wait_s: float | None) -> bool:
    """Lock an open file and tell whether that was possible in the time given (None: however long it takes)."""
    if wait_s is None:
        fcntl.flock(fd, mode)
        return True
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        else:
            return True


def is_same(fd: int, path: str) -> bool:
    """Tell whether an open file is the one that is found at its path now."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))  # noqa: PTH116 - no pathlib here: it costs start-up time
    except OSError:
        return False


def answers(path: str) -> bool:
    """Tell whether a server on this socket is ready for commands (one that loads its data is not)."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.settimeout(1)
        client.connect(path)
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def clean(run: RunDirectory) -> None:
    """Remove the run directory; the caller holds `gate` and the directory exclusively."""
    # The gate goes last: a joiner that makes a new one finds nothing else of the old server.
    for path in (run.socket, run.log, run.keeper, f"{run.path}/data", run.gate):
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - as above
    for directory in (run.path, os.path.dirname(run.path)):  # noqa: PTH120 - as above
        with suppress(OSError):
            os.rmdir(directory)  # noqa: PTH106 - as above


@contextmanager
def _gate(run: RunDirectory) -> Iterator[None]:
    while True:
        fd = os.open(run.gate, os.O_RDWR)
        take(fd, fcntl.LOCK_EX, None)
        if is_same(fd, run.gate):
            break
        os.close(fd)
    try:
        yield
    finally:
        os.close(fd)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs first, so that the kernel ends it with its parent (Linux only)."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - only where it is used

    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _start_server(run: RunDirectory, binary: str) -> subprocess.Popen[bytes]:
    data = os.open(run.data, os.O_RDWR | os.O_CREAT, 0o600)
    if not take(data, fcntl.LOCK_EX, DATA_S):
        raise TimeoutError(f"another server, not joined to {run.path}, uses the data of {run.folder or run.path}")
    with suppress(FileNotFoundError):
        os.unlink(run.socket)  # noqa: PTH108 - as above
    options = {
        "dir": ".",
        "port": "0",
        "unixsocket": run.socket,
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "yes" if run.folder else "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    server = subprocess.Popen(  # noqa: S603 - our own command
        [binary, *(text for name, value in options.items() for text in (f"--{name}", value))],
        stdin=subprocess.DEVNULL,
        stdout=2,
        cwd=run.folder or run.path,
        pass_fds=(data,),
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 - the keeper has one thread yet
    )
    os.close(data)
    deadline = time.monotonic() + START_S
    while not answers(run.socket):
        if server.poll() is not None:
            raise ChildProcessError(f"valkey-server ended with exit code {server.returncode}")
        if time.monotonic() >= deadline:
            server.kill()
            raise TimeoutError(f"valkey-server was not ready after {START_S:g} s")
        time.sleep(POLL_S)
    return server


class _Keeper:
    """Restarts a server that dies, and stops it once nobody uses it."""

    def __init__(self, run: RunDirectory, binary: str) -> None:
        self.run, self.binary = run, binary
        self.users = os.open(run.path, os.O_RDONLY | os.O_DIRECTORY)
        self.server = _start_server(run, binary)
        self.dismissed = False
        self.stopping, self.ended = threading.Event(), threading.Event()

    def keep(self) -> None:
        """Return when the server has been stopped, or was not to be started again."""
        signal.signal(signal.SIGTERM, self._dismiss)
        stopper = threading.Thread(target=self._stop_unused, daemon=True)
        stopper.start()
        self.server.wait()
        while not (self.stopping.is_set() or self.dismissed):
            # The users' connections are broken; they come back and wait for this server to answer.
            self.server = _start_server(self.run, self.binary)
            if self.stopping.is_set() or self.dismissed:
                self.server.terminate()
            self.server.wait()
        self.ended.set()
        if self.stopping.is_set():
            stopper.join()

    def _dismiss(self, *_: object) -> None:
        self.dismissed = True
        self.server.terminate()

    def _stop_unused(self) -> None:
        while not self.stopping.is_set():
            take(self.users, fcntl.LOCK_EX, None)
            fcntl.flock(self.users, fcntl.LOCK_UN)
            try:
                with _gate(self.run):
                    # A user may have come since: under the gate, none can.
                    if take(self.users, fcntl.LOCK_EX, 0):
                        self._stop()
                        if is_same(self.users, self.run.path):
                            clean(self.run)
            except FileNotFoundError:  # somebody removed the directory: nobody can join any more
                self._stop()

    def _stop(self) -> None:
        self.stopping.set()
        self.server.terminate()
        if not self.ended.wait(STOP_S):
            self.server.kill()
            self.ended.wait()


def _say(word: str) -> None:
    with suppress(BrokenPipeError):  # the starter may be dead
        os.write(1, word.encode() + b"\n")
    os.dup2(2, 1)


def main(path: str, binary: str, folder: str) -> None:
    """Keep one server, and tell the starter on standard output when it is ready."""
    run = RunDirectory(path, folder or None)
    if os.fork():
        os._exit(0)  # the starter waits for this process; the keeper is not its child
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    if not take(os.open(run.keeper, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX, 0):
        _say("busy")
        return
    try:
        keeper = _Keeper(run, binary)
        _say("ready")
        keeper.keep()
    except OSError as error:
        os.write(2, f"{error}\n".encode())
        _say("failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
