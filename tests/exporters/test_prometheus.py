"""Reads as Prometheus shows them, by the real client."""

from __future__ import annotations

import gc
import weakref

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cache_core import Cache
from cache_core.exporters.prometheus import PrometheusRecorder
from cache_core.stores import Store
from tests.cache.helpers import still
from tests.telemetry.helpers import hit, miss

ORDER = ("namespace", "outcome", "cause", "incident", "le")

Samples = dict[tuple[str, str], float]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def scraped(registry: CollectorRegistry) -> Samples:
    """Values by name and labels, e.g. ("cache_reads_total", "ns,hit,"), as scraped."""
    text = generate_latest(registry).decode()
    return {
        (sample.name, ",".join(sample.labels[n] for n in ORDER if n in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_reads_of_a_cache_are_counted_by_outcome_and_cause(
    store: Store, registry: CollectorRegistry
) -> None:
    with Cache(store, recorder=PrometheusRecorder(registry), timing=still()) as cache:
        for _ in range(3):
            cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
        cache.invalidate("ns", "k")
    found = scraped(registry)
    assert found["cache_reads_total", "ns,miss,cold"] == 1
    assert found["cache_reads_total", "ns,hit,"] == 2
    assert found["cache_incidents_total", "ns,invalidation"] == 1
    assert found["cache_read_seconds_count", "ns,hit"] == 2
    assert found["cache_source_seconds_count", "ns"] == 1
    assert found["cache_store_seconds_count", "ns"] == 3


def test_a_hit_by_a_copy_near_by_is_an_incident_too(
    store: Store, registry: CollectorRegistry
) -> None:
    with Cache(store, recorder=PrometheusRecorder(registry), timing=still()) as cache:
        for _ in range(4):  # a miss, a hit that leaves a copy, and two hits of the copy
            cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, near_ttl_s=30)
    found = scraped(registry)
    assert found["cache_reads_total", "ns,hit,"] == 3
    assert found["cache_incidents_total", "ns,near_hit"] == 2


def test_durations_are_in_seconds(registry: CollectorRegistry) -> None:
    recorder = PrometheusRecorder(registry)
    recorder.read(miss(latency_s=0.3, source_s=0.25, store_s=0.002))
    found = scraped(registry)
    assert found["cache_read_seconds_sum", "ns,miss"] == pytest.approx(0.3)
    assert found["cache_read_seconds_bucket", "ns,miss,0.25"] == 0
    assert found["cache_read_seconds_bucket", "ns,miss,0.5"] == 1
    assert found["cache_source_seconds_sum", "ns"] == pytest.approx(0.25)
    assert found["cache_store_seconds_sum", "ns"] == pytest.approx(0.002)


def test_no_label_holds_a_key(store: Store, registry: CollectorRegistry) -> None:
    with Cache(store, recorder=PrometheusRecorder(registry), timing=still()) as cache:
        cache.get_or_compute("ns", "somebody@example.org", lambda: "secret value", ttl_s=60)
    text = generate_latest(registry).decode()
    assert "somebody" not in text
    assert "secret" not in text


def test_from_the_201st_namespace_on_they_share_one_label(registry: CollectorRegistry) -> None:
    recorder = PrometheusRecorder(registry)
    for number in range(300):
        recorder.read(hit(f"ns{number}"))
        recorder.count(f"ns{number}", "near_hit")
    found = scraped(registry)
    reads = {labels: n for (name, labels), n in found.items() if name == "cache_reads_total"}
    assert len(reads) == 201
    assert reads["other,hit,"] == 100
    assert found["cache_incidents_total", "other,near_hit"] == 100


def test_two_recorders_of_one_registry_count_together(registry: CollectorRegistry) -> None:
    """As when a script runs anew in a process that lives on."""
    for _ in range(2):
        recorder = PrometheusRecorder(registry)
        recorder.read(hit())
        recorder.close()
    assert scraped(registry)["cache_reads_total", "ns,hit,"] == 2


def test_a_registry_nobody_uses_is_forgotten() -> None:
    registry = CollectorRegistry()
    PrometheusRecorder(registry).read(hit())
    left = weakref.ref(registry)
    del registry
    gc.collect()
    assert left() is None
