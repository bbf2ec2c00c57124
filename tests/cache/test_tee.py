"""Several recorders behind one."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest

from cache_core import connect
from cache_core.events import Incident, ReadEvent
from cache_core.settings import Settings
from cache_core.tee import Tee
from tests.cache.helpers import Events
from tests.telemetry.helpers import hit


class Breaks:
    """A recorder that fails at everything."""

    def read(self, event: ReadEvent) -> None:
        raise RuntimeError(f"broken by {event}")

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
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
