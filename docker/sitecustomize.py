"""Makes a process of the image end when it is told to, from its first moment.

The kernel keeps from process 1 of a container each signal that it has not said what to do with. Until the application
has, there is nothing that would have to end in order.
"""

import os
import signal

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
