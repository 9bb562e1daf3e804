"""What a worker's process does before its workers run."""

from __future__ import annotations

import subprocess
import sys

SIGNAL_UPON_A_FINALIZER = """
import os, signal, weakref
from litestar_saq._child import _exit_before_start

class Thing: ...

signal.signal(signal.SIGTERM, _exit_before_start)
thing = Thing()
reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
del thing
print("it goes on")
os._exit(3)
"""


def test_a_signal_that_comes_upon_a_finalizer_ends_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", SIGNAL_UPON_A_FINALIZER], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")
