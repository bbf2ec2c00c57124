"""Caches that are watched: what exporters show of their stores when somebody collects."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from cache_core import Cache
from cache_core.exporters.prometheus import PrometheusRecorder
from cache_core.guard import GuardedStore
from cache_core.stores import open_store
from cache_core.telemetry import SharedRecorder
from tests.cache.helpers import still
from tests.exporters.sdk import Sdk

NOWHERE = "redis://127.0.0.1:1/0"

Watch = Callable[[Cache], None]
Show = Callable[[], dict[str, float]]


def without_labels(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Values by name; every one is about NOWHERE."""
    assert all(set(values) == {NOWHERE} for values in found.values()), found
    return {name: values[NOWHERE] for name, values in found.items()}


@pytest.fixture(params=["prometheus", "opentelemetry"])
def exporter(request: pytest.FixtureRequest, sdk: Sdk) -> tuple[Watch, Show]:
    """What watches a cache, and what is shown: down, pending, dropped, lost."""
    if request.param == "prometheus":
        registry = CollectorRegistry()

        def scrape() -> dict[str, float]:
            names = {
                "cache_store_down": "down",
                "cache_invalidations_pending": "pending",
                "cache_invalidations_dropped_total": "dropped",
                "cache_figures_lost_total": "lost",
            }
            samples = [sample for family in registry.collect() for sample in family.samples]
            found: dict[str, dict[str, float]] = {}
            for sample in samples:
                if sample.name in names:
                    values = found.setdefault(names[sample.name], {})
                    values[sample.labels["store"]] = sample.value
            return without_labels(found)

        return PrometheusRecorder(registry).watch, scrape

    def collect() -> dict[str, float]:
        names = {
            "cache.store.down": "down",
            "cache.invalidations.pending": "pending",
            "cache.invalidations.dropped": "dropped",
            "cache.figures.lost": "lost",
        }
        found = {short: sdk.points(name) for name, short in names.items()}
        return without_labels(
            {
                short: {store: value for (store,), value in points.items()}
                for short, points in found.items()
                if points
            }
        )

    return sdk.recorder().watch, collect


@pytest.fixture
def cache() -> Iterator[Cache]:
    """Over a store that never answers."""
    store = GuardedStore(open_store(NOWHERE, prefix="test"), background=False)
    with Cache(store, recorder=SharedRecorder(store, background=False), timing=still()) as opened:
        yield opened


def test_a_store_that_is_down_is_shown(exporter: tuple[Watch, Show], cache: Cache) -> None:
    watch, show = exporter
    watch(cache)
    assert show()["down"] == 0
    for number in range(3):
        cache.get_or_compute("ns", str(number), lambda: 1, ttl_s=60)
    assert show()["down"] == 1


def test_invalidations_that_wait_are_shown_until_they_are_carried_out(
    exporter: tuple[Watch, Show], cache: Cache
) -> None:
    watch, show = exporter
    watch(cache)
    cache.invalidate_tags(["one", "other"])
    assert show()["pending"] == 2
    cache.store.pending.confirm(cache.store.pending.batch())
    assert show()["pending"] == 0


def test_what_was_given_up_is_shown(
    exporter: tuple[Watch, Show], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, show = exporter
    watch(cache)
    monkeypatch.setattr("cache_core.pending._KEPT_MAX", 2)
    cache.invalidate_tags(["a", "b", "c", "d", "e"])
    (recorder,) = cache.recorder.recorders
    assert isinstance(recorder, SharedRecorder)
    recorder._periods.lost = 4
    assert show() == {"down": 0, "pending": 2, "dropped": 3, "lost": 4}


def test_caches_over_one_store_are_shown_together(
    exporter: tuple[Watch, Show], cache: Cache
) -> None:
    watch, show = exporter
    with Cache(open_store(NOWHERE, prefix="other"), timing=still()) as other:
        for each in (cache, other, cache):
            watch(each)
            each.invalidate_tags(["one"])
        assert show()["pending"] == 2


def test_a_watched_cache_is_not_kept_alive(exporter: tuple[Watch, Show]) -> None:
    watch, show = exporter
    cache = Cache(open_store(NOWHERE, prefix="test"), timing=still())
    watch(cache)
    assert show()["down"] == 0
    cache.close()
    left = weakref.ref(cache)
    del cache
    gc.collect()
    assert left() is None
    assert show() == {}
