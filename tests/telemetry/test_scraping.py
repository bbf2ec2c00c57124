"""Figures of other Streamlit apps: differences of their counters, once for all replicas."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache_core.stores import Store
from cache_core.telemetry import WINDOWS, Counts, MetricsReader, SharedRecorder, merged
from cache_core.telemetry.scraping import (
    ScrapedApp,
    Scraper,
    Totals,
    apps_from,
    counts_since,
    fetch_metrics,
    namespace_of,
    totals_in,
)
from tests.cache.helpers import Clock

NOW_S = 1_700_000_010.0
BOUNDS = ("0.1", "1.0", "+Inf")


def answer(hits: int, misses: int, runs: tuple[int, int, int] = (0, 0, 0), sum_s: float = 0) -> str:
    """What Streamlit 1.67 answers of one function, and of a resource beside it."""
    labels = 'cache="sales.load",cache_type="st_cache_data"'
    upto = [sum(runs[: at + 1]) for at in range(3)]
    buckets = "\n".join(
        f'cache_compute_duration_seconds_bucket{{{labels},le="{bound}",trigger="miss"}} {number}'
        for bound, number in zip(BOUNDS, upto, strict=True)
    )
    return f"""# TYPE cache_lookups counter
cache_lookups_total{{{labels},result="hit"}} {hits}
cache_lookups_total{{{labels},result="miss"}} {misses}
cache_lookups_total{{cache="app.make",cache_type="st_cache_resource",result="hit"}} 99
# TYPE cache_compute_duration_seconds histogram
{buckets}
cache_compute_duration_seconds_sum{{{labels},trigger="miss"}} {sum_s}
cache_compute_duration_seconds_count{{{labels},trigger="miss"}} {upto[-1]}
# TYPE cache_evictions counter
cache_evictions_total{{{labels},reason="ttl"}} 2
cache_evictions_total{{{labels},reason="max_entries"}} 1
# EOF
"""


class Replica:
    """One process that scrapes: what it is told is `text`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.text = ""
        self.asked = 0
        self.recorder = SharedRecorder(store, clock=clock, background=False)
        self.app = ScrapedApp("sales", "http://there:8501")
        self.scraper = Scraper(store, self.recorder, [self.app], fetch=self._fetch, clock=clock)

    def _fetch(self, url: str) -> str:
        self.asked += 1
        if not self.text:
            raise OSError("connection refused")
        return self.text

    def scrape(self, text: str) -> None:
        self.text = text
        self.scraper.scrape(self.app)
        self.recorder.flush()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_S)


@pytest.fixture
def replica(store: Store, clock: Clock) -> Replica:
    return Replica(store, clock)


def figures(store: Store, clock: Clock) -> Counts:
    totals = MetricsReader(store, clock=clock).read(WINDOWS["1h"]).totals
    assert set(totals) <= {"st.sales.sales.load"}
    return merged(totals.values())


def test_what_came_since_the_last_reading_is_counted(
    replica: Replica, store: Store, clock: Clock
) -> None:
    replica.scrape(answer(100, 10, (5, 5, 0), 4.0))
    assert figures(store, clock).reads == 0, "nobody knows when that was"
    clock.advance(60)
    replica.scrape(answer(130, 14, (7, 7, 0), 5.6))
    counts = figures(store, clock)
    assert (counts.served, counts.misses, counts.hit_rate) == (30, 4, 30 / 34)
    assert counts.times["source"].count == 4
    assert abs(counts.saved_s - 30 * 5.6 / 14) < 1e-5
    assert replica.app.at_s == clock()
    assert replica.app.problem is None


def test_a_restarted_app_counts_from_zero(replica: Replica, store: Store, clock: Clock) -> None:
    replica.scrape(answer(100, 10))
    clock.advance(60)
    replica.scrape(answer(7, 2))
    counts = figures(store, clock)
    assert (counts.served, counts.misses) == (7, 2)


def test_of_all_replicas_one_reads_in_a_minute(store: Store, clock: Clock) -> None:
    replicas = [Replica(store, clock) for _ in range(3)]
    for hits in (10, 30, 60):
        for replica in replicas:
            replica.scrape(answer(hits, 0))
        clock.advance(60)
    assert sum(replica.asked for replica in replicas) == 3
    assert figures(store, clock).served == 50


def test_another_replica_goes_on_where_one_stopped(store: Store, clock: Clock) -> None:
    Replica(store, clock).scrape(answer(10, 0))
    clock.advance(60)
    Replica(store, clock).scrape(answer(25, 0))
    assert figures(store, clock).served == 15


def test_an_app_that_does_not_answer_is_said_and_made_good(
    replica: Replica, store: Store, clock: Clock
) -> None:
    replica.scrape(answer(10, 0))
    clock.advance(60)
    replica.scrape("")
    assert "connection refused" in (replica.app.problem or "")
    clock.advance(60)
    replica.scrape(answer(40, 0))
    assert replica.app.problem is None
    assert figures(store, clock).served == 30


@pytest.mark.parametrize("text", ["<html></html>", "cache_lookups_total{ 1", "no metrics\n# EOF\n"])
def test_what_is_no_metrics_is_said(replica: Replica, text: str) -> None:
    replica.scrape(text)
    assert replica.app.problem is not None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.integers(0, 50)), max_size=20),
)
def test_whatever_the_restarts_nothing_is_counted_twice_or_lost(
    steps: list[tuple[bool, int, int]],
) -> None:
    """A restart loses what was counted between the last reading and it, and nothing else. Here
    each restart comes right after a reading."""
    now: Totals = {"f|hit": 0.0, "f|miss": 0.0}
    before, hits, misses = dict(now), 0, 0
    total = Counts()
    for restarts, more_hits, more_misses in steps:
        # A counter that overtakes its old self cannot be told from one that went on.
        if restarts and more_hits < before["f|hit"] and more_misses < before["f|miss"]:
            now = {"f|hit": 0.0, "f|miss": 0.0}
        now = {"f|hit": now["f|hit"] + more_hits, "f|miss": now["f|miss"] + more_misses}
        hits, misses = hits + more_hits, misses + more_misses
        for counts in counts_since(before, now, "app").values():
            total.merge(counts)
        before = dict(now)
    assert (total.served, total.misses) == (hits, misses)


def test_resources_are_left_out_and_reasons_of_evictions_added() -> None:
    totals = totals_in(answer(1, 1))
    assert {name.partition("|")[0] for name in totals} == {"sales.load"}
    assert totals["sales.load|evicted"] == 3


def test_durations_lie_within_their_buckets() -> None:
    before = totals_in(answer(0, 0))
    counts = counts_since(before, totals_in(answer(0, 6, (3, 2, 1), 9.0)), "app")[
        "st.app.sales.load"
    ]
    source = counts.times["source"]
    assert source.count == 6
    assert (source.quantile_s(0.0) or 0) < 0.1
    assert 0.1 < (source.quantile_s(0.7) or 0) < 1.0


@pytest.mark.parametrize("function", ["a.b", "pages/1_x.py.load", "m." + "f" * 200, "ä ö"])
def test_a_functions_name_becomes_one_of_a_namespace(function: str) -> None:
    from cache_core.keys import checked_namespace

    name = namespace_of("sales", function)
    assert checked_namespace(name) == name


def test_apps_are_named_in_a_setting() -> None:
    apps = apps_from(" sales=http://a:8501 ,hr=https://hr.example.org/base,")
    assert [(app.name, app.url) for app in apps] == [
        ("sales", "http://a:8501"),
        ("hr", "https://hr.example.org/base"),
    ]
    assert apps_from("") == []


@pytest.mark.parametrize(
    "text",
    [
        "sales",
        "=http://a",
        "a b=http://a",
        "a=ftp://a",
        "a=http://u:secret@a",
        "a=http://a,a=http://b",
    ],
)
def test_what_names_no_app_is_refused_without_its_address(text: str) -> None:
    with pytest.raises(ValueError, match="STREAMLIT_APPS") as raised:
        apps_from(text)
    assert "secret" not in str(raised.value)


# Over HTTP


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Address of a server, and what it answers."""
    content = {"type": b"application/openmetrics-text", "body": answer(3, 1).encode()}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(200)
            self.send_header("Content-Type", content["type"].decode())
            self.end_headers()
            self.wfile.write(content["body"])

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", content
    server.shutdown()
    thread.join()
    server.server_close()


def test_metrics_are_fetched(site: tuple[str, dict[str, bytes]]) -> None:
    assert totals_in(fetch_metrics(site[0]))["sales.load|hit"] == 3


def test_a_page_in_place_of_metrics_is_told(site: tuple[str, dict[str, bytes]]) -> None:
    site[1]["type"] = b"text/html"
    with pytest.raises(ValueError, match="is that a Streamlit app"):
        fetch_metrics(site[0])


def test_an_answer_without_end_is_not_read_to_its_end(site: tuple[str, dict[str, bytes]]) -> None:
    site[1]["body"] = b"x" * 6_000_000
    with pytest.raises(ValueError, match="larger than"):
        fetch_metrics(site[0])


def test_nothing_but_http_is_fetched() -> None:
    with pytest.raises(ValueError, match="http"):
        fetch_metrics("file:///etc/passwd")
