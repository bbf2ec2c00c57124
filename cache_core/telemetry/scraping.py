"""Figures of other Streamlit apps: what their `st.cache_data` functions count, kept as history.

Streamlit serves counters per cached function at `/_stcore/metrics` (OpenMetrics). They begin at
zero with each start of that app, are kept nowhere, and are shown nowhere. Here their differences
become counts of a namespace `st.<app>.<function>`, beside those of our own caches.

One of all replicas asks in each minute: who writes the minute's mark in the store first. What was
read last is in the store as well, so that nothing is counted twice when another replica goes on.
"""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from cache_core.logs import in_short, log
from cache_core.stores.base import Put, Store, StoreError
from cache_core.telemetry.counts import Counts
from cache_core.telemetry.folding import MINUTE_S
from cache_core.telemetry.recorder import SharedRecorder

PATH = "/_stcore/metrics"
_FAMILIES = (
    "families=cache_lookups&families=cache_compute_duration_seconds&families=cache_evictions"
)
_TIMEOUT_S = 5.0
_BYTES_MAX = 5_000_000
# An app that was not heard of for so long is begun anew.
_STATE_TTL_S = 7 * 86_400.0
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_MAX = 64

Totals = dict[str, float]
"""Counters since an app's start, by `function|what`, where what is `hit`, `miss`, `evicted`, `sum`
(seconds) or `le:<upper bound in seconds>`."""


@dataclass(slots=True)
class ScrapedApp:
    """One app, and how reading it went last. `at_s`: Unix time of the last good answer."""

    name: str
    url: str
    at_s: float | None = None
    problem: str | None = None


@dataclass(slots=True)
class Scraper:
    """Reads apps once a minute, on a thread of its own.

    Costs the store two round trips (three commands) an app and minute, for all replicas together.
    """

    store: Store
    recorder: SharedRecorder
    apps: list[ScrapedApp]
    fetch: Callable[[str], str] = field(default_factory=lambda: fetch_metrics)
    clock: Callable[[], float] = time.time
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin reading once a minute."""
        if self.apps and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="cache-scrape", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            for app in self.apps:
                self.scrape(app)
            if self._stop.wait(MINUTE_S - self.clock() % MINUTE_S + 1):
                return

    def scrape(self, app: ScrapedApp) -> None:
        """Read one app if nobody did in this minute, and count what came since the last time.

        What goes wrong is kept in `app.problem`, and made good with the next reading.
        """
        now_s = self.clock()
        state_key = f"x:{app.name}"
        mark_key = f"{state_key}:{int(now_s) // MINUTE_S}"
        mark = Put(mark_key, self.recorder.replica.encode(), 2 * MINUTE_S)
        try:
            holder, state = self.store.add_then_get([mark], [mark_key, state_key])
            if holder != mark.value:
                return
            totals = totals_in(self.fetch(app.url))
            self.store.put_many([Put(state_key, orjson.dumps(totals), _STATE_TTL_S)])
        except StoreError as exc:
            app.problem = f"the store: {exc}"
            return
        except (OSError, ValueError) as exc:
            app.problem = f"{app.url} was not read: {exc}"
            log.warning(
                "app_not_scraped", "figures of %s were not read: %s", app.name, in_short(exc)
            )
            return
        app.at_s, app.problem = now_s, None
        before = _totals_from(state)
        if before is not None:
            minute = int(now_s) // MINUTE_S
            self.recorder.add({minute: counts_since(before, totals, app.name)})

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()


def fetch_metrics(url: str) -> str:
    """The metrics of the app at `url`. Raises OSError or ValueError."""
    address = f"{url.rstrip('/')}{PATH}?{_FAMILIES}"
    if not address.startswith(("http://", "https://")):
        raise ValueError("only http:// and https:// are read")
    with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # see above
        raw = answer.read(_BYTES_MAX + 1)
        # Any unknown address of a Streamlit app answers with a page and 200.
        if "html" in answer.headers.get("Content-Type", ""):
            raise ValueError("it answers with a page: is that a Streamlit app, 1.67 or later?")
    if len(raw) > _BYTES_MAX:
        raise ValueError(f"its metrics are larger than {_BYTES_MAX:,} bytes")
    return str(raw, "utf-8", "replace")


def totals_in(text: str) -> Totals:
    """The counters in an answer. Raises ValueError if it is no OpenMetrics text."""
    totals: Totals = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            what = _what(sample.name, sample.labels)
            if what is not None:
                name = f"{sample.labels.get('cache', '')}|{what}"
                totals[name] = totals.get(name, 0.0) + sample.value
    return totals


def _what(name: str, labels: Mapping[str, str]) -> str | None:
    if labels.get("cache_type") != "st_cache_data":
        return None  # what st.cache_resource holds are connections and the like, never read anew
    match name:
        case "cache_lookups_total":
            return {"hit": "hit", "miss": "miss"}.get(labels.get("result", ""))
        case "cache_evictions_total":
            return "evicted"
        case "cache_compute_duration_seconds_sum":
            return "sum"
        case "cache_compute_duration_seconds_bucket":
            return f"le:{labels.get('le', '')}"
    return None


def _totals_from(state: bytes | None) -> Totals | None:
    try:
        found = orjson.loads(state or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def counts_since(before: Totals, now: Totals, app: str) -> dict[str, Counts]:
    """What was counted between two readings, by namespace.

    A counter that is lower than before began anew: then all of it came since.
    """
    found: dict[str, Counts] = {}
    functions = {name.rpartition("|")[0] for name in now}
    for function in sorted(functions):
        grown = {
            what: _grown(before.get(f"{function}|{what}", 0.0), now[f"{function}|{what}"])
            for what in (name.rpartition("|")[2] for name in now if _is_of(name, function))
        }
        counts = _counts_of(grown, _mean_s(now, function))
        if counts.numbers:
            found[namespace_of(app, function)] = counts
    return found


def _is_of(name: str, function: str) -> bool:
    return name.rpartition("|")[0] == function


def _grown(before: float, now: float) -> float:
    return now - before if now >= before else now


def _mean_s(totals: Totals, function: str) -> float:
    """Mean time of a run since the app's start, seconds; 0 if it never ran."""
    runs = totals.get(f"{function}|le:+Inf", 0.0)
    return totals.get(f"{function}|sum", 0.0) / runs if runs else 0.0


def _counts_of(grown: Mapping[str, float], mean_s: float) -> Counts:
    counts = Counts()
    for what, name in (("hit", "hit"), ("miss", "miss.untold"), ("evicted", "evicted")):
        if number := round(grown.get(what, 0.0)):
            counts.add(name, number)
    # How long a hit took is not told, so what it saved is taken for the whole of a usual run.
    counts.saved_s = grown.get("hit", 0.0) * mean_s
    lower_s, below = 0.0, 0.0
    for upper_s, upto in sorted(
        (float(what.removeprefix("le:")), number)
        for what, number in grown.items()
        if what.startswith("le:")
    ):
        if number := round(upto - below):
            counts.time_all("source", [_middle_s(lower_s, upper_s)] * number)
        lower_s, below = upper_s, upto
    return counts


def _middle_s(lower_s: float, upper_s: float) -> float:
    """Where durations of a bucket are taken to lie: its geometric middle; its end if it has one."""
    if upper_s == float("inf"):
        return lower_s
    return float((lower_s * upper_s) ** 0.5) if lower_s else upper_s / 2


def namespace_of(app: str, function: str) -> str:
    """ "st.sales.load_orders": the app, and the function as far as it fits."""
    name = _NOT_IN_A_NAME.sub("_", f"st.{app}.{function}")
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 31]}-{name[-30:]}"


def apps_from(text: str) -> list[ScrapedApp]:
    """Apps from a setting, `sales=http://host:8501, hr=https://hr.example.org`.

    Raises: ValueError, without repeating an address, which may hold a password.
    """
    apps = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, url = part.partition("=")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", name.strip()) or not re.match(
            r"https?://[^@\s]+$", url.strip()
        ):
            raise ValueError(
                "STREAMLIT_APPS looks like sales=http://host:8501,hr=https://hr.example.org: names "
                "of 1 to 20 letters, digits, - or _, and addresses without a password"
            )
        apps.append(ScrapedApp(name.strip(), url.strip()))
    if len({app.name for app in apps}) < len(apps):
        raise ValueError("STREAMLIT_APPS names an app twice")
    return apps
