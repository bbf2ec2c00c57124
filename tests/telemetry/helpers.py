"""Reads to be counted."""

from __future__ import annotations

from typing import Any

from cache_core.events import ReadEvent
from cache_core.telemetry import SharedRecorder


def hit(namespace: str = "ns", **more: Any) -> ReadEvent:
    fields = {"outcome": "hit", "at_s": 0.0, "latency_s": 0.002, "store_s": 0.001, "saved_s": 0.5}
    return ReadEvent(namespace, **{**fields, **more})


def miss(namespace: str = "ns", cause: str = "cold", **more: Any) -> ReadEvent:
    fields = {"outcome": "miss", "at_s": 0.0, "latency_s": 0.3, "store_s": 0.001, "source_s": 0.25}
    return ReadEvent(namespace, cause=cause, **{**fields, **more})  # type: ignore[arg-type]


def count(recorder: SharedRecorder, hits: int = 0, misses: int = 0, namespace: str = "ns") -> None:
    """Reads that end now, by the recorder's clock."""
    now_s = recorder._clock()
    for _ in range(hits):
        recorder.read(hit(namespace, at_s=now_s - 0.002))
    for _ in range(misses):
        recorder.read(miss(namespace, at_s=now_s - 0.3))
