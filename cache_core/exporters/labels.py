"""What exporters share: a bound on the names they export, and the bounds of their histograms."""

from __future__ import annotations

import threading

NAMESPACES_MAX = 200
OTHER = "other"

# Seconds: copies near by take microseconds, a store milliseconds, sources seconds.
BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip


class NamespaceLabels:
    """Lets the first NAMESPACES_MAX namespaces stand for themselves; the others are OTHER.

    Each name is a time series for ever, so a program that makes names up must not make series.
    Safe between threads.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._lock = threading.RLock()

    def label(self, namespace: str) -> str:
        """The label for a namespace."""
        if namespace in self._known:
            return namespace
        if len(self._known) >= NAMESPACES_MAX:
            return OTHER
        with self._lock:
            if len(self._known) < NAMESPACES_MAX:
                self._known.add(namespace)
        return namespace if namespace in self._known else OTHER
