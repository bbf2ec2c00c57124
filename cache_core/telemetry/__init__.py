"""The cache's figures: counted here, shared through the store, read over windows of time."""

from cache_core.cache import record_with
from cache_core.telemetry.companions import Companion
from cache_core.telemetry.counts import MISS_CAUSES, Counts
from cache_core.telemetry.recorder import SharedRecorder
from cache_core.telemetry.windows import (
    WINDOWS,
    Figures,
    GroupFigures,
    GroupsOf,
    MetricsReader,
    Step,
    Window,
    WindowName,
    merged,
)

__all__ = [
    "MISS_CAUSES",
    "WINDOWS",
    "Companion",
    "Counts",
    "Figures",
    "GroupFigures",
    "GroupsOf",
    "MetricsReader",
    "SharedRecorder",
    "Step",
    "Window",
    "WindowName",
    "merged",
]

# Every cache made from now on shares its figures through its own store.
record_with(SharedRecorder)
