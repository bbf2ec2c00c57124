"""Reads as Prometheus metrics of this process. Needs the package prometheus-client."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cache_core.events import Cause, Incident, Outcome, ReadEvent, change
from cache_core.exporters.labels import BUCKETS_S, NamespaceLabels
from cache_core.exporters.watched import DROPPED, IS_DOWN, LOST, PENDING, WatchedCaches
from cache_core.extras import missing

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector
except ImportError as exc:
    raise missing("PrometheusRecorder needs prometheus-client", "prometheus") from exc

if TYPE_CHECKING:
    from cache_core.cache import Cache


class PrometheusRecorder:
    """A Recorder that counts in a Prometheus registry. Safe between threads.

    Metrics: `cache_reads_total{namespace,outcome,cause}` (`cause` is empty unless the outcome is
    "miss"), `cache_incidents_total{namespace,incident}`, and histograms in seconds:
    `cache_read_seconds{namespace,outcome}`, `cache_source_seconds{namespace}`,
    `cache_store_seconds{namespace}`. A hit by this process's own copy is counted as the incident
    "near_hit" too. Labels never hold a key; from the 201st namespace on they say "other".

    Several recorders of one registry count in the same metrics, and closing one removes nothing:
    a process may open and close caches while it is scraped.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """`registry`: by default the one that `prometheus_client` exposes."""
        self._registry = REGISTRY if registry is None else registry
        self._metrics = _metrics_in(self._registry)
        self._reads: dict[tuple[str, Outcome, Cause | None], _ReadMetrics] = {}

    def read(self, event: ReadEvent) -> None:
        """Count one read."""
        namespace = self._metrics.namespaces.label(event.namespace)
        kind = (namespace, event.outcome, event.cause)
        metrics = self._reads.get(kind)
        if metrics is None:
            metrics = self._reads[kind] = self._metrics.of_reads(*kind)
        metrics.reads.inc()
        if event.is_near:
            metrics.near_hits.inc()
        metrics.read_s.observe(event.latency_s)
        if event.source_s is not None:
            metrics.source_s.observe(event.source_s)
        if event.store_s is not None:
            metrics.store_s.observe(event.store_s)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Count something beside the reads."""
        namespace = self._metrics.namespaces.label(namespace)
        self._metrics.incidents.labels(namespace, incident).inc(number)

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Count a recompute."""
        self.count(namespace, change(is_changed))

    def watch(self, cache: Cache) -> None:
        """Also show, whenever the registry is scraped, how a cache and its store are doing.

        `cache_store_down{store}` (1 or 0), `cache_invalidations_pending{store}`,
        `cache_invalidations_dropped_total{store}` (keys) and `cache_figures_lost_total{store}`
        (minutes and hours). What they are is told by `cache_core.exporters.watched`. The cache is
        not kept alive.
        """
        self._metrics.states.watched.add(cache)

    def scrape(self, accept: str) -> tuple[str, bytes]:
        """Content type and bytes of all that the registry holds, in the format that an `Accept`
        header asks for: OpenMetrics, or Prometheus' older text."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._registry)

    def close(self) -> None:
        """Nothing is held."""


class _ReadMetrics(NamedTuple):
    """Those of one kind of read, looked up once."""

    reads: Counter
    near_hits: Counter
    read_s: Histogram
    source_s: Histogram
    store_s: Histogram


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.namespaces = NamespaceLabels()
        self.reads = Counter(
            "cache_reads",
            "Reads through the cache; outcome: hit, stale, miss, bypass or error.",
            ["namespace", "outcome", "cause"],
            registry=registry,
        )
        self.incidents = Counter(
            "cache_incidents",
            "What happened beside the reads: invalidations, refreshes, values not stored.",
            ["namespace", "incident"],
            registry=registry,
        )
        self.read_s = Histogram(
            "cache_read_seconds",
            "Wall time of a read, its source included.",
            ["namespace", "outcome"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.source_s = Histogram(
            "cache_source_seconds",
            "Wall time of the source, where a read ran it.",
            ["namespace"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.store_s = Histogram(
            "cache_store_seconds",
            "Wall time until the store's first answer to a read.",
            ["namespace"],
            registry=registry,
            buckets=BUCKETS_S,
        )

        self.states = _States()
        registry.register(self.states)

    def of_reads(self, namespace: str, outcome: Outcome, cause: Cause | None) -> _ReadMetrics:
        return _ReadMetrics(
            self.reads.labels(namespace, outcome, cause or ""),
            self.incidents.labels(namespace, "near_hit"),
            self.read_s.labels(namespace, outcome),
            self.source_s.labels(namespace),
            self.store_s.labels(namespace),
        )


class _States(Collector):
    """Asks the caches that are watched when somebody scrapes."""

    def __init__(self) -> None:
        self.watched = WatchedCaches()

    def collect(self) -> Iterator[Metric]:
        states = self.watched.by_store()
        for family, field in _families():
            for store, state in states.items():
                family.add_metric([store], getattr(state, field))
            yield family


def _families() -> list[tuple[GaugeMetricFamily | CounterMetricFamily, str]]:
    labels = ["store"]
    return [
        (GaugeMetricFamily("cache_store_down", IS_DOWN, labels=labels), "is_down"),
        (GaugeMetricFamily("cache_invalidations_pending", PENDING, labels=labels), "pending"),
        (CounterMetricFamily("cache_invalidations_dropped", DROPPED, labels=labels), "dropped"),
        (CounterMetricFamily("cache_figures_lost", LOST, labels=labels), "lost"),
    ]


_made: weakref.WeakKeyDictionary[CollectorRegistry, _Metrics] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def _metrics_in(registry: CollectorRegistry) -> _Metrics:
    """The metrics of a registry: it takes each name once."""
    with _making:
        if registry not in _made:
            _made[registry] = _Metrics(registry)
        return _made[registry]
