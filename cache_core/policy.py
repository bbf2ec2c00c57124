"""How long the entries of one cached function live, and which values are kept at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

MAX_BYTES_DEFAULT = 1_000_000


class CacheTTL(IntEnum):
    """Seconds an entry stays fresh, by what it holds."""

    USER_DATA = 300
    LEARNING_METRICS = 600
    STATIC_PATTERNS = 3600
    SESSION_DATA = 1800
    DASHBOARD_STATS = 300
