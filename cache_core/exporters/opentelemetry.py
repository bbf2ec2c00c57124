"""Reads as OpenTelemetry metrics and spans. Needs the package opentelemetry-api.

There are no semantic conventions for caches as of 1.45 (semantic-conventions issue 1747 is open).
Names here follow the general rules: dots, a unit, durations in seconds, `error.type` on errors,
span names of low cardinality. Spans are INTERNAL: the call to Redis inside a read is a database
client span, which is for the instrumentation of the Redis client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from cache_core.events import Cause, Incident, Operation, Outcome, ReadEvent, change
from cache_core.exporters.labels import BUCKETS_S, NamespaceLabels
from cache_core.exporters.watched import DROPPED, IS_DOWN, LOST, PENDING, WatchedCaches
from cache_core.extras import missing

try:
    from opentelemetry import metrics, trace

    from cache_core.exporters.opentelemetry_spans import (
        UNTOLD,
        Attributes,
        OperationTrace,
        SpanMaker,
    )
except ImportError as exc:
    raise missing("OpenTelemetryRecorder needs opentelemetry-api", "otel") from exc

if TYPE_CHECKING:
    from cache_core.cache import Cache

Spans = Literal["none", "misses", "all"]

_KEEPS_NOTHING = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
_SERVED: tuple[Outcome, ...] = ("hit", "stale")


class OpenTelemetryRecorder:
    """A Recorder that tells OpenTelemetry. Safe between threads.

    Metrics: histograms `cache.read.duration`, `cache.source.duration`, `cache.store.duration` (s),
    and a counter `cache.incidents`. Reads have no counter of their own, as requests have none in
    the conventions for HTTP: the histogram's count is theirs, and each record costs some 10 us.

    Spans: `cache read <namespace>` begins when the read began; its parent is the caller's current
    span. Where the read runs its source, `cache source <namespace>` is its child and current
    meanwhile, so the spans that the source makes are children of that. `cache refresh` and
    `cache warm` are the same for `refresh()` and `warm()`. A refresh in the background has a trace
    of its own with a link to the span that set it off. Attributes: `cache.namespace`,
    `cache.outcome`, `cache.cause` of a miss, `cache.near` (true) of a hit by this process's own
    copy, `cache.store.duration`, and for a batch that ran a source, which is one span,
    `cache.batch.size` and its worst outcome. Never a key or a value. Of a source's exception type
    and stack are recorded, not the text: a failing query quotes what users typed.

    Nothing is built for a provider that keeps nothing.

    Args:
        meter_provider, tracer_provider: by default the global ones, also when set later.
        spans: "misses" for reads that were not served from the cache, and whatever ran a source;
            "all"; or "none".
        clock_ns: Unix time in nanoseconds.
    """

    def __init__(
        self,
        meter_provider: metrics.MeterProvider | None = None,
        tracer_provider: trace.TracerProvider | None = None,
        *,
        spans: Spans = "misses",
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if spans not in ("none", "misses", "all"):
            raise ValueError(f"spans is 'none', 'misses' or 'all', not {spans!r}")
        meter = metrics.get_meter("cache_core", meter_provider=meter_provider)
        self._incidents = meter.create_counter(
            "cache.incidents", "{incident}", "What happened beside the reads"
        )
        self._read_s = _duration(meter, "cache.read.duration", "A read, its source included")
        self._source_s = _duration(meter, "cache.source.duration", "The source, where it ran")
        self._store_s = _duration(meter, "cache.store.duration", "The store's first answer")
        self._meter = meter
        self._watched: WatchedCaches | None = None
        self._watching = threading.Lock()
        self._tracer_provider = tracer_provider
        self._tracer = trace.get_tracer("cache_core", tracer_provider=tracer_provider)
        self._spans = spans
        self._clock_ns = clock_ns
        self._namespaces = NamespaceLabels()
        self._kinds: dict[tuple[str, Outcome, Cause | None, bool], _Kind] = {}

    def read(self, event: ReadEvent) -> None:
        """Count one read that ran no source, and make its span."""
        kind = self._counted(event)
        if kind.has_span and not self._keeps_no_spans():
            self._make_span(event, kind)

    def _counted(self, event: ReadEvent) -> _Kind:
        kind = self._kind_of(event)
        self._read_s.record(event.latency_s, kind.attributes)
        if event.source_s is not None:
            self._source_s.record(event.source_s, kind.of_namespace)
        if event.store_s is not None:
            self._store_s.record(event.store_s, kind.of_namespace)
        return kind

    def trace(
        self, namespace: str, operation: Operation, passed_s: float, *, in_background: bool = False
    ) -> OperationTrace | None:
        """Make the spans of an operation that runs a source, and of the source."""
        if self._spans == "none" or self._keeps_no_spans():
            return None

        def counted(event: ReadEvent) -> Attributes:
            return self._counted(event).attributes

        spans = SpanMaker(self._tracer, self._clock_ns, self._namespaces.label(namespace))
        return OperationTrace(spans, operation, passed_s, counted, in_background=in_background)

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        """Count something beside the reads."""
        namespace = self._namespaces.label(namespace)
        self._incidents.add(number, {"cache.namespace": namespace, "cache.incident": incident})

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        """Count a recompute."""
        self.count(namespace, change(is_changed))

    def watch(self, cache: Cache) -> None:
        """Also tell, whenever metrics are collected, how a cache and its store are doing.

        `cache.store.down` (1 or 0), `cache.invalidations.pending`, `cache.invalidations.dropped`
        (keys) and `cache.figures.lost` (minutes and hours), with the attribute `cache.store`. What
        they are is told by `cache_core.exporters.watched`.
        """
        with self._watching:
            if self._watched is None:
                self._watched = _watched_by(self._meter)
        self._watched.add(cache)

    def close(self) -> None:
        """Nothing is held; providers are shut down by whoever made them."""

    def _kind_of(self, event: ReadEvent) -> _Kind:
        namespace = self._namespaces.label(event.namespace)
        key = (namespace, event.outcome, event.cause, event.is_near)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _kind(*key, spans=self._spans)
        return kind

    def _keeps_no_spans(self) -> bool:
        provider = self._tracer_provider or trace.get_tracer_provider()
        return isinstance(provider, _KEEPS_NOTHING)

    def _make_span(self, event: ReadEvent, kind: _Kind) -> None:
        # The read has just ended. Not `at_s`: that is the store's clock, spans are of this machine.
        end_ns = self._clock_ns()
        span = self._tracer.start_span(
            kind.span_name,
            kind=trace.SpanKind.INTERNAL,
            attributes=kind.attributes,
            start_time=end_ns - int(event.latency_s * 1e9),
        )
        if span.is_recording():
            if event.store_s is not None:
                span.set_attribute("cache.store.duration", event.store_s)
            if event.outcome == "error":
                span.set_status(trace.StatusCode.ERROR)
        span.end(end_ns)


class _Kind(NamedTuple):
    """What reads of a namespace, an outcome and a cause have in common."""

    attributes: dict[str, str | bool]
    of_namespace: dict[str, str]
    span_name: str
    has_span: bool


def _kind(
    namespace: str, outcome: Outcome, cause: Cause | None, is_near: bool, *, spans: Spans
) -> _Kind:
    attributes: dict[str, str | bool] = {"cache.namespace": namespace, "cache.outcome": outcome}
    if cause is not None:
        attributes["cache.cause"] = cause
    if is_near:
        attributes["cache.near"] = True
    if outcome == "error":
        attributes["error.type"] = UNTOLD
    return _Kind(
        attributes,
        {"cache.namespace": namespace},
        f"cache read {namespace}",
        spans == "all" or (spans == "misses" and outcome not in _SERVED),
    )


def _duration(meter: metrics.Meter, name: str, description: str) -> metrics.Histogram:
    return meter.create_histogram(
        name, "s", description, explicit_bucket_boundaries_advisory=BUCKETS_S
    )


def _watched_by(meter: metrics.Meter) -> WatchedCaches:
    """Caches whose state the meter asks for."""
    watched = WatchedCaches()

    def observe(field: str) -> Callable[[metrics.CallbackOptions], Iterable[metrics.Observation]]:
        return lambda _: [
            metrics.Observation(getattr(state, field), {"cache.store": store})
            for store, state in watched.by_store().items()
        ]

    meter.create_observable_gauge("cache.store.down", [observe("is_down")], "1", IS_DOWN)
    meter.create_observable_up_down_counter(
        "cache.invalidations.pending", [observe("pending")], "{key}", PENDING
    )
    meter.create_observable_counter(
        "cache.invalidations.dropped", [observe("dropped")], "{key}", DROPPED
    )
    meter.create_observable_counter("cache.figures.lost", [observe("lost")], "{period}", LOST)
    return watched
