"""Reads as OpenTelemetry's SDK receives them."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from cache_core import Cache
from cache_core.exporters.opentelemetry import OpenTelemetryRecorder, Spans
from cache_core.stores import Store
from tests.cache.helpers import still
from tests.exporters.sdk import END_NS, Sdk, attributes_of, id_of, parent_of
from tests.telemetry.helpers import hit, miss


def test_reads_of_a_cache_are_counted(store: Store, sdk: Sdk) -> None:
    with Cache(store, recorder=sdk.recorder(), timing=still()) as cache:
        for _ in range(3):
            cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
        cache.invalidate("ns", "k")
    assert sdk.points("cache.read.duration") == {("ns", "miss", "cold"): 1, ("ns", "hit"): 2}
    assert sdk.points("cache.source.duration") == {("ns",): 1}
    assert sdk.points("cache.store.duration") == {("ns",): 3}
    assert sdk.points("cache.incidents") == {("ns", "invalidation"): 1}


def test_a_hit_by_a_copy_near_by_has_an_attribute(store: Store, sdk: Sdk) -> None:
    with Cache(store, recorder=sdk.recorder("all"), timing=still()) as cache:
        for _ in range(4):  # a miss, a hit that leaves a copy, and two hits of the copy
            cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, near_ttl_s=30)
    assert sdk.points("cache.read.duration") == {
        ("ns", "miss", "cold"): 1,
        ("ns", "hit"): 1,
        ("ns", "hit", "True"): 2,
    }
    assert [attributes_of(span).get("cache.near") for span in sdk.spans[2:]] == [None, True, True]


def test_durations_are_in_seconds(sdk: Sdk) -> None:
    sdk.recorder().read(miss(latency_s=0.3, source_s=0.25, store_s=0.002))
    assert sdk.sums_s() == {
        "cache.read.duration": pytest.approx(0.3),
        "cache.source.duration": pytest.approx(0.25),
        "cache.store.duration": pytest.approx(0.002),
    }


def test_from_the_201st_namespace_on_they_share_one_name(sdk: Sdk) -> None:
    recorder = sdk.recorder(spans="all")
    for number in range(250):
        recorder.read(hit(f"ns{number}"))
    points = sdk.points("cache.read.duration")
    assert len(points) == 201
    assert points["other", "hit"] == 50
    assert len({span.name for span in sdk.spans}) == 201


def test_a_miss_is_a_span_of_the_time_it_took(sdk: Sdk) -> None:
    sdk.recorder().read(miss(latency_s=0.5, source_s=0.25, store_s=0.002))
    (span,) = sdk.spans
    assert span.name == "cache read ns"
    assert (span.start_time, span.end_time) == (END_NS - 500_000_000, END_NS)
    assert dict(span.attributes or {}) == {
        "cache.namespace": "ns",
        "cache.outcome": "miss",
        "cache.cause": "cold",
        "cache.store.duration": 0.002,
    }


def test_a_span_is_a_child_of_the_callers(store: Store, sdk: Sdk) -> None:
    tracer = sdk.tracers.get_tracer("test")
    with (
        Cache(store, recorder=sdk.recorder(), timing=still()) as cache,
        tracer.start_as_current_span("request") as request,
    ):
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
    assert parent_of(sdk.span("cache read ns")) == id_of(request)


def test_a_span_is_a_child_of_the_calling_tasks(store: Store, sdk: Sdk) -> None:
    tracer = sdk.tracers.get_tracer("test")

    async def request(number: int) -> tuple[int, int]:
        with tracer.start_as_current_span(f"request {number}") as span:
            await answer(number)
        return number, span.get_span_context().span_id

    with Cache(store, recorder=sdk.recorder(), timing=still()) as cache:

        @cache.cached("ns", ttl_s=60)
        async def answer(number: int) -> int:
            await asyncio.sleep(0)
            return number

        async def both() -> tuple[tuple[int, int], tuple[int, int]]:
            return await asyncio.gather(request(1), request(2))

        requests = asyncio.run(both())
    parents = {parent_of(span) for span in sdk.spans if span.name == "cache read ns"}
    assert parents == {span_id for _, span_id in requests}


def test_a_read_that_raised_is_a_span_with_an_error(sdk: Sdk) -> None:
    sdk.recorder().read(hit(outcome="error"))
    (span,) = sdk.spans
    assert span.status.status_code is trace.StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "_OTHER"


@pytest.mark.parametrize(
    ("spans", "made"),
    [
        ("none", []),
        ("misses", ["miss", "bypass", "error"]),
        ("all", ["hit", "stale", "miss", "bypass", "error"]),
    ],
)
def test_which_reads_are_spans(sdk: Sdk, spans: Spans, made: list[str]) -> None:
    recorder = sdk.recorder(spans)
    for outcome in ("hit", "stale", "miss", "bypass", "error"):
        recorder.read(hit(outcome=outcome))
    assert [(span.attributes or {})["cache.outcome"] for span in sdk.spans] == made


def test_another_word_for_spans_is_refused() -> None:
    with pytest.raises(ValueError, match="spans is 'none', 'misses' or 'all', not 'hits'"):
        OpenTelemetryRecorder(spans="hits")  # type: ignore[arg-type]


def test_a_span_holds_no_key_and_no_value(store: Store, sdk: Sdk) -> None:
    with Cache(store, recorder=sdk.recorder("all"), timing=still()) as cache:
        for _ in range(2):
            cache.get_or_compute("ns", "somebody@example.org", lambda: "secret value", ttl_s=60)
    said = "".join(span.to_json() for span in sdk.spans)
    assert len(sdk.spans) == 3
    assert "somebody" not in said
    assert "secret" not in said


def test_a_sampler_that_wants_none_gets_no_attributes(sdk: Sdk) -> None:
    sdk.tracers.sampler = ALWAYS_OFF
    sdk.recorder("all").read(miss())
    assert sdk.spans == ()


def test_without_an_sdk_no_span_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = OpenTelemetryRecorder(spans="all")

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("a span was begun")

    monkeypatch.setattr(recorder._tracer, "start_span", begun)
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    recorder.read(miss())


def test_global_providers_that_are_set_later_are_told() -> None:
    script = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from cache_core.events import ReadEvent
from cache_core.exporters.opentelemetry import OpenTelemetryRecorder

recorder = OpenTelemetryRecorder()
exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider([reader]))
recorder.read(ReadEvent("ns", "miss", 0.0, 0.1, "cold"))
print(len(exporter.get_finished_spans()), reader.get_metrics_data() is not None)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["1", "True"]


def test_no_test_set_a_global_provider() -> None:
    """Others would be told of it."""
    assert not isinstance(metrics.get_meter_provider(), MeterProvider)
