"""Reads and recomputes as the app's own recorder logs them, for pages about TTLs."""

from __future__ import annotations

import random

from cache_core.events import ReadEvent
from ui.app import App

NAMESPACE = "dashboard.stats"


def log_reads(
    app: App,
    number: int = 600,
    keys: int = 30,
    recomputes: int = 120,
    changed: int = 1,
    namespace: str = NAMESPACE,
    source_s: float | None = 0.4,
) -> None:
    """Reads of the last six hours at moments of chance, and what recomputes of entries of seven
    minutes found; handed over, and to be seen by the next page."""
    rng = random.Random(5)
    now_s = app.cache.store.now_s()
    recorder = app.cache.recorder
    for at_s in sorted(now_s - rng.random() * 6 * 3600 for _ in range(number)):
        key = f"e:{namespace}:1:{{{rng.randrange(keys) * 2654435761 % 2**32:032x}}}"
        recorder.read(ReadEvent(namespace, "miss", at_s, 0.5, "cold", source_s=source_s, key=key))
    for at in range(recomputes):
        key = f"e:{namespace}:1:{{{at % keys * 2654435761 % 2**32:032x}}}"
        recorder.recomputed(namespace, key, at < changed, 420.0)
    shared = app.recorder
    assert shared is not None
    for _ in app.cache.namespaces():
        assert shared.flush(), "a hand-over tells of one namespace"
    app.forget_figures()
