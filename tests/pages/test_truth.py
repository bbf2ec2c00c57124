"""What pages and files show is what a replayed trace came to, request by request.

The trace is the web server's of July 1995, all 9,951 requests of it (3.7 hours, replayed in about
4 s), where the recorded data is at hand, and in any case a short one of Zipf's from a seed. Both go
through a cached function on a real Redis, with a clock that follows the trace; beside it a model of
its own (`benchmarks.replay.Truth`) counts what has to come of each request.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from benchmarks.replay import (
    COUNTED,
    NAMESPACE,
    TTL_S,
    Replayed,
    Row,
    TraceClock,
    Truth,
    compare,
    ending_now,
    read_trace,
    replay,
    zipf_trace,
)
from cache_core.stores import open_store
from cache_core.stores.memory import MemoryStore
from cache_core.telemetry import WINDOWS, MetricsReader
from tests.pages.conftest import OpenApp, texts
from tests.pages.test_namespaces import chart_rows
from tests.servers.redis_server import RedisServer

SEED = 20_260_101
HOUR_S = 3_600
RECORDED = Path(os.environ.get("CACHE_DATA_DIR", "/nowhere")) / "A_web_server_jul1995.csv.gz"
needs_data = pytest.mark.skipif(
    "CACHE_DATA_DIR" not in os.environ, reason="CACHE_DATA_DIR is not set"
)
ZIPF = pytest.param("zipf", id="zipf")
WEB_SERVER = pytest.param("web server", id="web-server", marks=needs_data)


def trace(name: str) -> list[Row]:
    return zipf_trace(SEED) if name == "zipf" else read_trace(RECORDED)


@dataclass(frozen=True)
class Told:
    """A replay, and where its figures are."""

    replayed: Replayed
    variables: dict[str, str]

    @property
    def truth(self) -> Truth:
        return self.replayed.truth

    @property
    def counts(self) -> Counter[str]:
        return self.truth.counts()

    @property
    def lookups(self) -> int:
        return len(self.truth.events)

    @property
    def hit_rate(self) -> str:
        return f"{100 * self.counts['hit'] / self.lookups:.0f} %"


@pytest.fixture(params=[ZIPF, WEB_SERVER], scope="module")
def told(request: pytest.FixtureRequest, redis_server: RedisServer) -> Told:
    """Each trace, replayed on Redis under a prefix of its own."""
    prefix = f"test-{uuid4().hex}"
    with open_store(redis_server.url, prefix=prefix, timeout_s=30.0) as store:
        rows = ending_now(trace(request.param))
        replayed = replay(rows, store, TraceClock(), Truth(TTL_S))
    return Told(replayed, {"REDIS_URL": redis_server.url, "CACHE_PREFIX": prefix})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Makes the file that the page offers under an ending: AppTest cannot press these buttons."""
    offered: dict[str, Callable[[], str]] = {}
    original = st.download_button

    def note(label: str, data: Callable[[], str], file_name: str, **more: Any) -> bool:
        offered[file_name.rpartition(".")[2]] = data
        return original(label, data=data, file_name=file_name, **more)

    monkeypatch.setattr(st, "download_button", note)
    return lambda ending: offered[ending]()


def look(open_app: OpenApp, told: Told, page: str, window: str, namespace: str = "all") -> AppTest:
    at = open_app(page, **told.variables)
    at.segmented_control(key="window").set_value(window)
    at = at.selectbox(key="namespace").select(namespace).run()
    assert not at.exception
    return at


def shown(at: AppTest) -> dict[str, str]:
    """The first metric of each name."""
    return {metric.label: metric.value for metric in reversed(at.metric)}


# The replay itself


def test_the_replay_has_something_of_everything_that_is_compared(told: Told) -> None:
    counts = told.counts
    assert set(counts) == {"hit", "miss.cold", "miss.expired"}
    assert min(counts.values()) > 100
    assert told.replayed.source_runs == counts["miss.cold"] + counts["miss.expired"]
    assert len(told.truth.by_step(HOUR_S)) >= 2


@needs_data
def test_the_model_finds_what_others_found_in_the_recorded_trace() -> None:
    """The data's README gives 1,142 keys and a hit rate of 0.8852 for a cache without expiry."""
    truth = Truth(ttl_s=float("inf"))
    for row in read_trace(RECORDED):
        if row.is_get:
            truth.get(row.key, float(row.at_s))
    assert truth.counts()["miss.cold"] == 1_142
    assert round(truth.counts()["hit"] / len(truth.events), 4) == 0.8852


# The pages


@pytest.mark.parametrize("window", ["6h", "24h", "7d"])
def test_the_overview_shows_the_replays_hit_rate_and_lookups(
    open_app: OpenApp, told: Told, window: str
) -> None:
    at = look(open_app, told, "overview", window)
    assert shown(at)["Hit rate"] == told.hit_rate
    said = texts(at)
    assert f"{told.hit_rate} of lookups are answered from the cache" in said
    assert f" {told.lookups:,} lookups · " in said


def test_the_namespaces_page_shows_what_became_of_each_request(
    open_app: OpenApp, told: Told
) -> None:
    at = look(open_app, told, "namespaces", "6h", NAMESPACE)
    counts = told.counts
    misses = counts["miss.cold"] + counts["miss.expired"]
    most = "miss.expired" if counts["miss.expired"] > counts["miss.cold"] else "miss.cold"
    said = texts(at)
    assert f"{told.hit_rate} of {told.lookups:,} lookups were served from the cache" in said
    cause = most.removeprefix("miss.")
    assert f"{100 * counts[most] / misses:.0f} % of the {misses:,} misses were {cause}:" in said
    metrics = shown(at)
    assert metrics["Served"] == f"{counts['hit']:,}"
    assert metrics["Runs of the source"] == f"{told.replayed.source_runs:,}"


def test_the_bars_are_the_replays_requests_of_each_step(open_app: OpenApp, told: Told) -> None:
    at = look(open_app, told, "namespaces", "24h", NAMESPACE)
    drawn = Counter[tuple[int, str]]()
    for row in chart_rows(at, 0):
        if row["reads"]:
            drawn[int(row["at"].timestamp()), row["outcome"].replace(", ", ".")] += row["reads"]
    assert drawn == {
        (hour, outcome): number
        for hour, outcomes in told.truth.by_step(HOUR_S).items()
        for outcome, number in outcomes.items()
    }


def test_the_table_of_namespaces_has_the_replays_misses(open_app: OpenApp, told: Told) -> None:
    table = look(open_app, told, "namespaces", "24h").dataframe[0].value
    row = table[table["Namespace"] == NAMESPACE].iloc[0]
    counts = told.counts
    assert row["Lookups"] == told.lookups
    assert row["Misses"] == f"{counts['miss.cold']} cold, {counts['miss.expired']} expired"
    assert row["Hit rate"] == pytest.approx(100 * counts["hit"] / told.lookups)


# The files


@pytest.mark.parametrize(("window", "step_s"), [("6h", 300), ("24h", HOUR_S)])
@pytest.mark.parametrize("page", ["overview", "namespaces"])
def test_a_pages_csv_has_the_replays_counts_of_each_step(
    open_app: OpenApp,
    told: Told,
    made: Callable[[str], str],
    page: str,
    window: str,
    step_s: int,
) -> None:
    look(open_app, told, page, window, NAMESPACE)
    rows = {
        int(datetime.fromisoformat(row["from"]).timestamp()): row
        for row in csv.DictReader(io.StringIO(made("csv")))
    }
    steps = told.truth.by_step(step_s)
    assert rows.keys() == steps.keys()
    for begin_s, row in rows.items():
        expected = steps[begin_s]
        assert int(row["lookups"]) == int(row["reads"]) == sum(expected.values())
        assert int(row["hits"]) == expected["hit"]
        assert int(row["misses_cold"]) == expected["miss.cold"]
        assert int(row["misses_expired"]) == expected["miss.expired"]
        assert int(row["misses"]) == expected["miss.cold"] + expected["miss.expired"]


def test_the_json_has_the_replays_totals(
    open_app: OpenApp, told: Told, made: Callable[[str], str]
) -> None:
    look(open_app, told, "overview", "24h", NAMESPACE)
    (total,) = json.loads(made("json"))["totals"]
    counts = told.counts
    assert (total["lookups"], total["hits"]) == (told.lookups, counts["hit"])
    assert total["misses_cold"] == counts["miss.cold"]
    assert total["misses_expired"] == counts["miss.expired"]
    assert total["hit_rate"] == pytest.approx(counts["hit"] / told.lookups, abs=1e-6)


# A store that forgets by the trace's clock, too


@pytest.mark.parametrize("name", [ZIPF, WEB_SERVER])
def test_what_the_store_forgot_long_after_it_expired_is_cold_again(name: str) -> None:
    """An entry is kept for its ttl once more, to tell that it expired; then nobody knows of it."""
    ttl_s, rows = 60, ending_now(trace(name))
    clock = TraceClock(float(rows[0].at_s))
    store = MemoryStore(clock=clock)
    replayed = replay(rows, store, clock, Truth(ttl_s, told_s=ttl_s))
    assert replayed.truth.counts()["miss.cold"] > len({row.key for row in rows})
    figures = MetricsReader(store, clock).read(WINDOWS["6h"])
    different = [row for row in compare(replayed.truth, figures) if row[1] != row[2]]
    assert not different
    assert {outcome for _, outcome in replayed.truth.events} <= set(COUNTED)
