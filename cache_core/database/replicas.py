"""What a process is called where people read who did something, or whose a connection is."""

from __future__ import annotations

import os
import socket

REPLICA_MAX = 100


def replica_name() -> str:
    """Machine and process number of this process: "web-2:4711"."""
    number = f":{os.getpid()}"
    return socket.gethostname()[: REPLICA_MAX - len(number)] + number
