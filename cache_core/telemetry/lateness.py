"""How readers of figures learn that a minute or an hour they took for closed was added to."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from cache_core.stores.base import FieldPut

LATE_KEY = "t:late"
LATE_HOURS_KEY = "t:late:h"
KEEP_HOURS_S = 15 * 86_400.0

_RING = 512  # hours: more than are kept, so that the hash of late ones stays small


def late_minute(replica: str, now_s: float) -> FieldPut:
    """Tells that a replica handed a minute over late: readers keep closed ones."""
    return FieldPut(LATE_KEY, replica, f"{now_s:.3f}".encode(), KEEP_HOURS_S)


def late_hour(hour: int, now_s: float) -> FieldPut:
    """Tells that an hour (Unix time divided by 3600) was handed over late: the archive keeps it."""
    word = f"{hour} {now_s:.3f}".encode()
    return FieldPut(LATE_HOURS_KEY, str(hour % _RING), word, KEEP_HOURS_S)


def late_hours(fields: Mapping[str, bytes]) -> dict[int, float]:
    """Unix time at which hours were last handed over late, from the hash LATE_HOURS_KEY."""
    found: dict[int, float] = {}
    for name, word in fields.items():
        if name.isdigit():
            with contextlib.suppress(ValueError):
                hour, at_s = word.split()
                found[int(hour)] = float(at_s)
    return found
