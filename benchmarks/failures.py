"""A server that fails while eight readers read: what do they notice, and for how long?"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import faults, processes, readers
from benchmarks.faults import PASSWORD, Site
from benchmarks.figures import Section, Table
from benchmarks.line import Line
from benchmarks.peers import peer_class
from benchmarks.readers import COMPUTED, HIT, RAISED, WRONG
from tests.servers.redis_server import RedisServer

PEERS = (
    "ours",
    "ours-async",
    "dogpile",
    "dogpile-timeouts",
    "cashews",
    "aiocache",
    "aiocache-timeout",
)
_QUICK_PEERS = ("ours", "dogpile-timeouts", "cashews", "aiocache-timeout")
_QUICK_FAULTS = ("refused", "black hole", "foreign pickle")
_CLOSED_PEERS = ("ours", "dogpile-timeouts", "cashews", "aiocache-timeout")
_CLOSED_FAULTS = ("refused", "black hole", "kill -9 and restart")
_ENTRY_PEERS = ("ours", "ours-async", "dogpile", "cashews", "aiocache")
_SETTLE_S = 0.5


@dataclass(frozen=True)
class Times:
    """Seconds of each part of an attempt."""

    health_s: float
    fault_s: float
    after_s: float

    @property
    def whole_s(self) -> float:
        return _SETTLE_S + self.health_s + self.fault_s + self.after_s


FULL = Times(1.5, 6.0, 6.0)
SHORT = Times(1.0, 3.0, 5.0)


@dataclass(frozen=True)
class Plan:
    """Attempts of the same kind: each peer through each fault, a few at a time."""

    load: str
    kinds: Sequence[str]
    faults: Sequence[str]
    times: Times
    at_a_time: int


# The line takes about as much processor time as the readers.
_FULL_PLANS = (
    Plan("paced", PEERS, faults.OVER_LINE, FULL, 3),
    Plan("paced", PEERS, faults.TO_SERVER, FULL, 4),
    Plan("paced", _ENTRY_PEERS, faults.TO_ENTRIES, SHORT, 4),
    Plan("closed loop", _CLOSED_PEERS, _CLOSED_FAULTS, SHORT, 1),
)
_QUICK_PLANS = (Plan("paced", _QUICK_PEERS, _QUICK_FAULTS, SHORT, 4),)


@dataclass(frozen=True)
class Verdict:
    """What the readers had of one fault."""

    answered: float  # calls answered a second during the fault, as a share of those in health
    raised: int  # calls begun during the fault or after it that raised
    wrong: int  # calls of the whole attempt that returned what no source would have
    slowest_s: float  # of calls that touch the fault; infinity: not ended with the attempt
    recovery_s: float  # from the end of the fault until hits are served again; infinity: never
    ran_code: bool
    health_rate: float
    errors: dict[str, int]


def attempt(kind: str, fault: str, paced: bool, times: dict[str, float]) -> dict[str, Any]:
    """In a process of its own: one peer through one fault."""
    server = RedisServer("--requirepass", PASSWORD)
    line = Line(server.port)
    port = line.port if fault in faults.OVER_LINE else server.port
    plan = Times(**times)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        site = Site(server, line, peer_class(kind), place / "marker")
        reading = processes.start(
            readers.read_on,
            kind=kind,
            port=port,
            password=PASSWORD,
            paced=paced,
            folder=folder,
        )
        try:
            began_s, ended_s = _go_through(fault, site, plan, place)
            errors = reading.result(plan.whole_s + 20)
        finally:
            reading.end()
            server.stop()
        calls = np.load(place / "calls.npy").reshape(-1, 3)
        return asdict(judged(calls, began_s, ended_s, plan, site.marker.exists(), errors))


def _go_through(fault: str, site: Site, plan: Times, place: Path) -> tuple[float, float]:
    """Begin and end the fault; returns when it did (time.monotonic)."""
    waited_until_s = time.monotonic() + 30
    while not (place / "ready").exists():
        if time.monotonic() > waited_until_s:
            raise processes.Hung("the readers were not ready in time")
        time.sleep(0.01)
    begin_s = time.monotonic()
    end = place / "end.partial"
    end.write_text(str(begin_s + plan.whole_s))
    end.rename(place / "end")
    time.sleep(_SETTLE_S + plan.health_s)
    began_s = time.monotonic()
    site.begin(fault)
    time.sleep(max(began_s + plan.fault_s - time.monotonic(), 0.0))
    site.end(fault)
    return began_s, time.monotonic()


def judged(
    calls: Any, began_s: float, ended_s: float, plan: Times, ran_code: bool, errors: dict[str, int]
) -> Verdict:
    """From calls (begin, end, outcome; one a row) and the fault's begin and end."""
    begins, ends, outcomes = calls[:, 0], calls[:, 1], calls[:, 2]
    good = (outcomes == HIT) | (outcomes == COMPUTED)
    healthy_from_s = began_s - plan.health_s
    health = (ends >= healthy_from_s) & (ends < began_s)
    within = (ends >= began_s) & (ends < ended_s)
    touching = (ends >= began_s) & (begins < ended_s)
    health_rate = float((good & health).sum()) / plan.health_s
    rate = float((good & within).sum()) / (ended_s - began_s)
    hit_rate = float(((outcomes == HIT) & health).sum()) / plan.health_s
    durations = (ends - begins)[touching]
    return Verdict(
        answered=rate / health_rate if health_rate else 0.0,
        raised=int(((outcomes == RAISED) & (ends >= began_s) & np.isfinite(ends)).sum()),
        wrong=int((outcomes == WRONG).sum()),
        slowest_s=float(durations.max()) if len(durations) else 0.0,
        recovery_s=_recovery_s(np.sort(ends[outcomes == HIT]), ended_s, hit_rate),
        ran_code=ran_code,
        health_rate=health_rate,
        errors=errors,
    )


def _recovery_s(hit_ends: Any, ended_s: float, hit_rate: float) -> float:
    """Until hits come at half their usual rate for a quarter of a second."""
    span_s = 0.25
    enough = hit_rate * span_s / 2
    later = hit_ends[hit_ends >= ended_s]
    for from_s in (ended_s, *later):
        if ((later >= from_s) & (later < from_s + span_s)).sum() >= max(enough, 1):
            return float(from_s - ended_s)
    return float("inf")


def _attempts(plan: Plan) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Fault, peer and verdict; of one that hung or broke there is only `failed`."""

    def one(fault: str, kind: str) -> dict[str, Any]:
        arguments = {
            "kind": kind,
            "fault": fault,
            "paced": plan.load == "paced",
            "times": asdict(plan.times),
        }
        try:
            found: dict[str, Any] = processes.run(attempt, plan.times.whole_s + 70, **arguments)
        except (processes.Hung, processes.Broken) as exc:
            found = {"failed": f"{type(exc).__name__}: {exc}"}
        print(f"measured: {plan.load}, {fault}, {kind}", file=sys.stderr, flush=True)
        return found

    with ThreadPoolExecutor(plan.at_a_time) as pool:
        pairs = [(fault, kind) for fault in plan.faults for kind in plan.kinds]
        for pair, found in zip(pairs, pool.map(lambda pair: one(*pair), pairs), strict=True):
            yield *pair, found


def _row(fault: str, kind: str, found: dict[str, Any]) -> list[str]:
    label = peer_class(kind).label
    if "failed" in found:
        return [fault, label, found["failed"].partition(":")[0].lower(), "", "", "", ""]
    slowest, recovery = found["slowest_s"], found["recovery_s"]
    wrong = f"{found['wrong']:,}" + (", **foreign code ran**" if found["ran_code"] else "")
    return [
        fault,
        label,
        f"{found['answered']:.0%}",
        f"{found['raised']:,}",
        wrong,
        "hung" if slowest == float("inf") else f"{slowest:.2f} s",
        "not seen" if recovery == float("inf") else f"{recovery:.1f} s",
    ]


def _worst(found: dict[str, dict[str, dict[str, Any]]]) -> Table:
    """Over all faults: the least answered, the slowest call, the longest recovery."""
    rows = []
    for kind in dict.fromkeys(kind for by_kind in found.values() for kind in by_kind):
        all_of_it = [by_kind[kind] for by_kind in found.values() if kind in by_kind]
        good = [one for one in all_of_it if "failed" not in one]
        if not good:
            continue
        worst = {
            "answered": min(one["answered"] for one in good),
            "raised": sum(one["raised"] for one in good),
            "wrong": sum(one["wrong"] for one in good),
            "slowest_s": max(one["slowest_s"] for one in good),
            "recovery_s": max(one["recovery_s"] for one in good),
            "ran_code": any(one["ran_code"] for one in good),
        }
        rows.append(_row("", kind, worst)[1:])
    columns = ["", "least answered", "raised, sum", "wrong, sum", "slowest call", "recovery"]
    return Table(columns, rows, "The worst of all faults, paced readers")


def section(quick: bool) -> Section:
    columns = ["fault", "", "answered", "raised", "wrong", "slowest call", "recovery"]
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    rows: dict[str, list[list[str]]] = {}
    for plan in _QUICK_PLANS if quick else _FULL_PLANS:
        for fault, kind, found in _attempts(plan):
            figures.setdefault(plan.load, {}).setdefault(fault, {})[kind] = found
            rows.setdefault(plan.load, []).append(_row(fault, kind, found))
    tables = [_worst(figures["paced"])]
    tables += [Table(columns, found, f"Each fault, {load}") for load, found in rows.items()]
    return Section("failures", "When Redis fails", TEXT, tables, figures)


TEXT = f"""
{readers.READERS} readers (threads; tasks of one loop for async caches) of {readers.KEYS} keys,
`ttl_s` {readers.TTL_S:g}, a source of {readers.SOURCE_S * 1e3:g} ms, a real redis-server behind a
line that fails on request, each cache and fault in processes of their own, up to four such
attempts at a time. *Paced* readers offer {readers.RATE:g} calls a second each and let pass what
falls due while they wait; a *closed loop* calls again at once, so that without a cache the source
is the limit, and its share says how much faster hits are. *Answered* is the rate of good answers
during the fault to that before it; *wrong* are answers no source gave, to another key, or older
than their time to live by 0.3 s (dogpile hands those out while one reader renews); *slowest* is any
call that touches the fault ("hung": not ended when the readers were); *recovery* is from the
fault's end until hits come at half their usual rate ("not seen": not while the readers read on).
Faults of the line and the server last {FULL.fault_s:g} s, with {FULL.after_s:g} s after them, the
others {SHORT.fault_s:g} s and {SHORT.after_s:g} s. A black hole here accepts connections and
delivers nothing until it ends; slow replies are 3 s late; a drip is a byte each 20 ms; entries are
damaged, or replaced by a list or a pickle, every quarter of a second. Logging is off for all.
"""
