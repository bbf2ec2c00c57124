"""Spans of sources: what a source does is found beneath the read that ran it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace

from cache_core import Cache, SourceTimeoutError
from cache_core.exporters.opentelemetry import OpenTelemetryRecorder, Spans
from cache_core.stores import Store, open_store
from tests.cache.helpers import Clock, HeldSource, finish_background, still
from tests.exporters.sdk import Sdk, attributes_of, id_of, parent_of

OK, ERROR = trace.StatusCode.UNSET, trace.StatusCode.ERROR


def traced_cache(
    sdk: Sdk, store: Store | None = None, spans: Spans = "misses", **how: Any
) -> Cache:
    store = store or open_store("memory://", prefix="test")
    return Cache(store, recorder=sdk.recorder(spans), timing=still(how.pop("clock", None)), **how)


def querying(sdk: Sdk, answer: object = 1) -> Any:
    """A source with a span of its own, as the instrumentation of a database makes them."""

    def query(*_: object) -> object:
        with sdk.tracers.get_tracer("database").start_as_current_span("SELECT"):
            return answer

    return query


def chain(sdk: Sdk, *names: str) -> None:
    """Each of these spans is the child of the one before."""
    for above, below in itertools.pairwise(names):
        assert parent_of(sdk.span(below)) == id_of(sdk.span(above)), f"{below} under {above}"


def test_what_a_source_does_is_found_beneath_its_read(sdk: Sdk, store: Store) -> None:
    tracer = sdk.tracers.get_tracer("shop")
    with traced_cache(sdk, store) as cache, tracer.start_as_current_span("request"):
        cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60)
        assert trace.get_current_span().name == "request"  # type: ignore[attr-defined]
    chain(sdk, "request", "cache read ns", "cache source ns", "SELECT")
    read = attributes_of(sdk.span("cache read ns"))
    assert (read["cache.outcome"], read["cache.cause"]) == ("miss", "cold")
    assert "cache.store.duration" in read


def test_the_same_of_coroutines(sdk: Sdk, store: Store) -> None:
    tracer = sdk.tracers.get_tracer("shop")

    async def query() -> int:
        with tracer.start_as_current_span("SELECT"):
            await asyncio.sleep(0)
        return 1

    async def request() -> str:
        with tracer.start_as_current_span("request"):
            await cache.aio.get_or_compute("ns", "k", query, ttl_s=60)
            return trace.get_current_span().name  # type: ignore[attr-defined, no-any-return]

    with traced_cache(sdk, store) as cache:
        assert asyncio.run(request()) == "request"
    chain(sdk, "request", "cache read ns", "cache source ns", "SELECT")


def test_the_span_of_a_read_begins_when_the_read_began(sdk: Sdk) -> None:
    clock = Clock()

    class Slow:
        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
            clock.advance(0.25)
            return self._store.get_many(keys)

    def source() -> int:
        clock.advance(2)
        return 1

    recorder = OpenTelemetryRecorder(
        sdk.meters, sdk.tracers, clock_ns=lambda: int(clock.now * 1000) * 1_000_000
    )
    slow: Any = Slow(open_store("memory://", prefix="test"))
    began_ns = int(clock.now * 1e9)
    with Cache(slow, recorder=recorder, timing=still(clock)) as cache:
        cache.get_or_compute("ns", "k", source, ttl_s=60)
    read, ran = sdk.span("cache read ns"), sdk.span("cache source ns")
    assert (read.start_time, read.end_time) == (began_ns, began_ns + 2_250_000_000)
    assert (ran.start_time, ran.end_time) == (began_ns + 250_000_000, began_ns + 2_250_000_000)


def test_a_hit_makes_no_span(sdk: Sdk) -> None:
    with traced_cache(sdk) as cache:
        for _ in range(3):
            cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60)
    assert sorted(span.name for span in sdk.spans) == ["SELECT", "cache read ns", "cache source ns"]


def test_without_spans_the_source_stands_alone(sdk: Sdk) -> None:
    with traced_cache(sdk, spans="none") as cache:
        cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60)
    assert [span.name for span in sdk.spans] == ["SELECT"]
    assert sdk.points("cache.read.duration") == {("ns", "miss", "cold"): 1}


def test_a_read_that_is_traced_is_counted_once(sdk: Sdk) -> None:
    with traced_cache(sdk, spans="all") as cache:
        cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60)
    assert sdk.points("cache.read.duration") == {("ns", "miss", "cold"): 1}
    assert sdk.points("cache.source.duration") == {("ns",): 1}
    assert len([span for span in sdk.spans if span.name == "cache read ns"]) == 1


def test_a_read_with_the_cache_off_is_traced(sdk: Sdk) -> None:
    with traced_cache(sdk, enabled=False) as cache:
        cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60)
    chain(sdk, "cache read ns", "cache source ns", "SELECT")
    assert attributes_of(sdk.span("cache read ns"))["cache.outcome"] == "bypass"


# Failures


def failing(who: str = "somebody@example.org") -> int:
    raise LookupError(f"no user {who}")


def test_a_sources_exception_is_recorded_without_its_text(sdk: Sdk) -> None:
    with traced_cache(sdk) as cache, pytest.raises(LookupError):
        cache.get_or_compute("ns", "k", failing, ttl_s=60)
    read, ran = sdk.span("cache read ns"), sdk.span("cache source ns")
    (event,) = ran.events
    told = dict(event.attributes or {})
    assert (event.name, told["exception.type"]) == ("exception", "LookupError")
    assert "in failing" in str(told["exception.stacktrace"])
    assert (ran.status.status_code, read.status.status_code) == (ERROR, ERROR)
    assert attributes_of(ran)["error.type"] == attributes_of(read)["error.type"] == "LookupError"
    assert attributes_of(read)["cache.outcome"] == "error"
    assert "no user somebody" not in ran.to_json() + read.to_json()


def test_a_stale_value_in_place_of_an_exception_leaves_the_read_well(sdk: Sdk) -> None:
    clock = Clock()
    with traced_cache(sdk, clock=clock) as cache:
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60, stale_if_error_s=600)
        clock.advance(90)
        sdk.exporter.clear()
        cache.get_or_compute("ns", "k", failing, ttl_s=60, stale_if_error_s=600)
    read, ran = sdk.span("cache read ns"), sdk.span("cache source ns")
    assert (ran.status.status_code, read.status.status_code) == (ERROR, OK)
    assert attributes_of(read)["cache.outcome"] == "stale"


def test_the_spans_of_a_cancelled_read_end(sdk: Sdk) -> None:
    async def never() -> int:
        running.set()
        await asyncio.Event().wait()
        return 1

    async def request() -> None:
        task = asyncio.create_task(cache.aio.get_or_compute("ns", "k", never, ttl_s=60))
        await running.wait()
        task.cancel()
        await asyncio.wait([task])

    running = asyncio.Event()
    with traced_cache(sdk) as cache:
        asyncio.run(request())
    chain(sdk, "cache read ns", "cache source ns")
    assert sdk.span("cache read ns").status.status_code is OK
    assert "cache.outcome" not in attributes_of(sdk.span("cache read ns"))


# Sources that run elsewhere


def test_a_source_under_a_time_limit_runs_in_the_callers_trace(sdk: Sdk) -> None:
    tracer = sdk.tracers.get_tracer("shop")
    with traced_cache(sdk) as cache, tracer.start_as_current_span("request"):
        cache.get_or_compute("ns", "k", querying(sdk), ttl_s=60, source_timeout_s=30)
    chain(sdk, "request", "cache read ns", "cache source ns", "SELECT")


def test_the_same_in_a_task(sdk: Sdk) -> None:
    tracer = sdk.tracers.get_tracer("shop")

    async def query() -> int:
        with tracer.start_as_current_span("SELECT"):
            return 1

    async def request() -> None:
        with tracer.start_as_current_span("request"):
            await cache.aio.get_or_compute("ns", "k", query, ttl_s=60, source_timeout_s=30)

    with traced_cache(sdk) as cache:
        asyncio.run(request())
    chain(sdk, "request", "cache read ns", "cache source ns", "SELECT")


def test_a_source_that_takes_too_long_ends_after_its_read(sdk: Sdk) -> None:
    source = HeldSource()
    with traced_cache(sdk) as cache:
        with pytest.raises(SourceTimeoutError):
            cache.get_or_compute("ns", "k", source, ttl_s=60, source_timeout_s=0.05)
        assert [span.name for span in sdk.spans] == ["cache read ns"]
        assert attributes_of(sdk.spans[0])["cache.outcome"] == "error"
        source.go_on.set()
        cache.get_or_compute("ns", "k", source, ttl_s=60)  # joins it, or finds what it stored
    ran = sdk.span("cache source ns")
    assert parent_of(ran) == id_of(sdk.spans[0])


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_a_refresh_has_a_trace_of_its_own_linked_to_what_set_it_off(sdk: Sdk, kind: str) -> None:
    tracer, clock = sdk.tracers.get_tracer("shop"), Clock()

    async def answer() -> object:
        return querying(sdk)()

    async def read() -> None:
        with tracer.start_as_current_span("request"):
            if kind == "task":
                await cache.aio.get_or_compute("ns", "k", answer, **rules)
            else:
                cache.get_or_compute("ns", "k", querying(sdk), **rules)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            await task

    rules: dict[str, Any] = {"ttl_s": 60, "stale_while_revalidate_s": 600}
    with traced_cache(sdk, clock=clock) as cache:
        asyncio.run(read())
        clock.advance(90)
        sdk.exporter.clear()
        asyncio.run(read())
        finish_background(cache)
    chain(sdk, "cache refresh ns", "cache source ns", "SELECT")
    refresh, request = sdk.span("cache refresh ns"), sdk.span("request")
    assert parent_of(refresh) is None
    assert refresh.context.trace_id != request.context.trace_id
    assert [link.context.span_id for link in refresh.links] == [id_of(request)]
    assert len(sdk.spans) == 4


def test_refreshing_and_warming_by_hand_are_spans(sdk: Sdk) -> None:
    with traced_cache(sdk) as cache:
        monthly = cache.cached("ns", ttl_s=60)(querying(sdk))
        monthly.warm(1)
        chain(sdk, "cache warm ns", "cache source ns", "SELECT")
        sdk.exporter.clear()
        monthly.refresh(1)
    chain(sdk, "cache refresh ns", "cache source ns", "SELECT")


# Batches


def doubled(arguments: list[tuple[int]]) -> list[int]:
    return [2 * number for (number,) in arguments]


def test_a_batch_is_one_span_with_one_source(sdk: Sdk, store: Store) -> None:
    with traced_cache(sdk, store) as cache:

        @cache.cached("ns", ttl_s=60, source_many=doubled)
        def double(number: int) -> int:
            return 2 * number

        double.read_many([(1,)])
        sdk.exporter.clear()
        double.read_many([(1,), (2,), (3,)])
    chain(sdk, "cache read ns", "cache source ns")
    assert len(sdk.spans) == 2
    read = attributes_of(sdk.span("cache read ns"))
    assert (read["cache.batch.size"], read["cache.outcome"]) == (3, "miss")
    assert sdk.points("cache.read.duration") == {("ns", "miss", "cold"): 3, ("ns", "hit"): 1}


def test_sources_one_after_another_share_the_span_of_their_batch(sdk: Sdk) -> None:
    with traced_cache(sdk) as cache:
        double = cache.cached("ns", ttl_s=60)(querying(sdk))
        double.read_many([(1,), (2,)])
    read = sdk.span("cache read ns")
    sources = [span for span in sdk.spans if span.name == "cache source ns"]
    assert [parent_of(span) for span in sources] == [id_of(read)] * 2
