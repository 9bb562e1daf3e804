"""Tells which signals are blocked in an interpreter that multiprocessing starts, before anything else is done in it."""

from __future__ import annotations

import signal
import sys

from events import emit

if any("multiprocessing" in argument and "resource_tracker" not in argument for argument in sys.orig_argv):
    emit("started", blocked=sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
