"""Reads and recomputes as the app's own recorder logs them, for pages about TTLs."""

from __future__ import annotations

import random
from typing import Any

from cache_core.events import ReadEvent
from cache_core.telemetry import SharedRecorder
from ui.app import App

NAMESPACE = "dashboard.stats"


def log_reads(app: App, **reads: Any) -> None:
    """What `record_reads` records, handed over, and to be seen by the next page."""
    shared = app.recorder
    assert shared is not None
    record_reads(shared, app.cache.store.now_s(), **reads)
    for _ in app.cache.namespaces():
        assert shared.flush(), "a hand-over tells of one namespace"
    app.forget_figures()


def record_reads(
    recorder: SharedRecorder,
    now_s: float,
    number: int = 600,
    keys: int = 30,
    recomputes: int = 120,
    changed: int = 1,
    namespace: str = NAMESPACE,
    source_s: float | None = 0.4,
) -> None:
    """Reads of the last six hours at moments of chance, and what recomputes of entries of seven
    minutes found."""
    rng = random.Random(5)
    for at_s in sorted(now_s - rng.random() * 6 * 3600 for _ in range(number)):
        key = _key(namespace, rng.randrange(keys))
        recorder.read(ReadEvent(namespace, "miss", at_s, 0.5, "cold", source_s=source_s, key=key))
    for at in range(recomputes):
        recorder.recomputed(namespace, _key(namespace, at % keys), at < changed, 420.0)


def _key(namespace: str, number: int) -> str:
    return f"e:{namespace}:1:{{{number * 2654435761 % 2**32:032x}}}"
