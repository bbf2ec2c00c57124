"""Several recorders behind one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest

from cache_core import Cache, connect
from cache_core.events import Incident, Operation, ReadEvent, Trace
from cache_core.settings import Settings
from cache_core.stores import open_store
from cache_core.tee import Tee
from tests.cache.helpers import Events, still
from tests.telemetry.helpers import hit


class Breaks:
    """A recorder that fails at everything."""

    def read(self, event: ReadEvent) -> None:
        raise RuntimeError(f"broken by {event}")

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        raise RuntimeError(f"broken by {namespace}")

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        raise RuntimeError(f"broken by {namespace}")

    def close(self) -> None:
        raise RuntimeError("broken")


def test_each_recorder_is_told() -> None:
    one, other = Events(), Events()
    tee = Tee(one, other)
    tee.read(hit())
    tee.count("ns", "invalidation", 2)
    assert one.reads == other.reads == [hit()]
    assert one.incidents == other.incidents == {"invalidation": 2}


def test_one_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    events = Events()
    tee = Tee(Breaks(), events)
    tee.read(hit())
    tee.count("ns", "invalidation")
    tee.close()
    assert (len(events.reads), events.incidents["invalidation"]) == (1, 1)
    assert "a read could not be counted: RuntimeError at test_tee.py" in caplog.text


def test_one_that_fails_at_every_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    tee = Tee(Breaks())
    for _ in range(1_000):
        tee.read(hit())
    assert len(caplog.records) == 1


def test_one_that_is_added_is_told_from_then_on() -> None:
    events = Events()
    tee = Tee()
    tee.read(hit("before"))
    tee.add(events)
    tee.add(events)
    tee.read(hit("after"))
    assert [event.namespace for event in events.reads] == ["after"]


class Traces(Events):
    """A recorder that traces, and keeps what it was told, in order; `breaks_at`: where it fails."""

    def __init__(self, breaks_at: str | None = None) -> None:
        super().__init__()
        self.told: list[str] = []
        self._breaks_at = breaks_at

    def tell(self, what: str) -> None:
        self.told.append(what)
        if what == self._breaks_at:
            raise RuntimeError("broken")

    def trace(
        self, namespace: str, operation: Operation, passed_s: float, *, in_background: bool = False
    ) -> Trace | None:
        self.tell("trace")
        return OneTrace(self)


class OneTrace:
    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    @contextmanager
    def source(self) -> Iterator[None]:
        self._traces.tell("enter")
        try:
            yield
        finally:
            self._traces.tell("leave")

    def read(self, event: ReadEvent) -> None:
        self._traces.read(event)
        self._traces.tell("read")

    def end(self) -> None:
        self._traces.tell("end")


WHOLE = ["trace", "enter", "leave", "read", "end"]


def read_through(*recorders: Events) -> None:
    """A read that is a miss, then a hit."""
    store = open_store("memory://", prefix="test")
    with Cache(store, recorder=Tee(*recorders), timing=still()) as cache:
        for _ in range(2):
            assert cache.get_or_compute("ns", "k", lambda: 7, ttl_s=60) == 7


def test_a_recorder_that_traces_is_around_the_source_and_told_of_the_read_once() -> None:
    plain, traces, other = Events(), Traces(), Traces()
    read_through(plain, traces, other)
    assert traces.told == other.told == WHOLE
    assert plain.outcomes == traces.outcomes == other.outcomes == ["miss.cold", "hit"]


@pytest.mark.parametrize("at", WHOLE)
def test_one_that_fails_to_trace_fails_no_read(at: str, caplog: pytest.LogCaptureFixture) -> None:
    plain, broken, traces = Events(), Traces(breaks_at=at), Traces()
    read_through(plain, broken, traces)
    assert plain.outcomes == traces.outcomes == ["miss.cold", "hit"]
    assert traces.told == WHOLE
    assert "RuntimeError at test_tee.py" in caplog.text


def test_a_tracer_sees_the_sources_exception_and_cannot_swallow_it() -> None:
    seen: list[object] = []

    class Swallows(OneTrace):
        @contextmanager
        def source(self) -> Iterator[None]:
            try:
                yield
            except LookupError as exc:
                seen.append(exc)

    class Swallowing(Traces):
        def trace(self, *_: object, **__: object) -> Trace:
            return Swallows(self)

    def source() -> int:
        raise LookupError

    store = open_store("memory://", prefix="test")
    with (
        Cache(store, recorder=Swallowing(), timing=still()) as cache,
        pytest.raises(LookupError) as raised,
    ):
        cache.get_or_compute("ns", "k", source, ttl_s=60)
    assert seen == [raised.value]


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("cache_core.exporters.prometheus", "prometheus_client"),
        ("cache_core.exporters.opentelemetry", "opentelemetry"),
    ],
)
def test_an_absent_package_is_named_with_the_line_that_installs_it(
    module: str, package: str
) -> None:
    script = f"import sys; sys.modules[{package!r}] = None\nimport cache_core\nimport {module}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert 'pip install "' in last


def test_optional_packages_are_imported_by_nobody_who_did_not_ask() -> None:
    script = (
        "import sys, cache_core, cache_core.telemetry, cache_core.exporters\n"
        "print({'opentelemetry', 'prometheus_client'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("enabled", ["on", "off"])
def test_a_cache_from_settings_tells_further_recorders(enabled: Literal["on", "off"]) -> None:
    events = Events()
    with connect(Settings(cache_enabled=enabled), also_record_with=[events]) as cache:
        cache.get_or_compute("ns", "k", lambda: 1, ttl_s=60)
    assert events.outcomes == ["miss.cold" if enabled == "on" else "bypass"]
