"""Tunes ttls in the background, as long as the app runs, whatever store and database do.

Every few minutes one of the replicas looks at each namespace: `insight.auto_tune.next_ttl` says
what its ttl should be next, from the picture of its reads and the last change in the audit. With
`applies` the ttl is changed, as an operator of its own would do it; without, only what was found is
kept for pages. What people decided comes first: a ttl they set stands, what they undid rests, and
nothing is changed once they stopped it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace

from cache_core.cache import Cache
from cache_core.insight.auto_tune import LastChange, next_ttl
from cache_core.insight.pictures import Study, budget_of, studies
from cache_core.insight.ttl_terms import BUDGET, TooLittle
from cache_core.keys import ttl_key
from cache_core.logs import in_short, log
from cache_core.operations.audit import AuditLog, AuditUnreadableError
from cache_core.operations.retuning import retune
from cache_core.operations.tuned_ttls import AUTO_TUNE, Standing, is_same, read_standings
from cache_core.operations.tuning_state import (
    Finding,
    Round,
    read_stop,
    read_stop_and,
    take_turn,
    write_round,
)
from cache_core.retuning import ttl_in
from cache_core.stores.base import StoreError
from cache_core.stores.forks import mend_after_fork, renewed
from cache_core.telemetry import WINDOWS, MetricsReader
from cache_core.telemetry.periods import clock_of

EVERY_S = 300.0
_PATIENCE_S = 2.0
_DIGITS = 3  # of a ttl: more would say more than is known


class AutoTuner:
    """Looks after the ttls of a cache's namespaces on a thread of its own. Safe between threads.

    `problem`: why the last round failed, in words, without secrets; None if it did not.
    """

    def __init__(
        self,
        cache: Cache,
        audit: AuditLog,
        *,
        applies: bool,
        budget: float = BUDGET,
        every_s: float = EVERY_S,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Args:
        applies: whether ttls are changed, or only what would be done is found out.
        budget: share of reads that may be outdated, where a policy says nothing.
        every_s: seconds between two rounds of all replicas together.
        clock: Unix time; by default the store's.
        """
        self._cache, self._audit = cache, audit
        self._applies, self._budget, self._every_s = applies, budget, every_s
        self._clock = clock or clock_of(cache.store)
        self._stop = threading.Event()
        self._begin()
        mend_after_fork(self)

    def _begin(self) -> None:
        self._replica = secrets.token_hex(6)
        self._lock = threading.Lock()  # one round at a time
        self._metrics = MetricsReader(self._cache.store, self._clock)
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    def after_fork(self) -> None:
        """In a forked child: the thread is the parent's."""
        self._stop = renewed(self._stop)
        self._begin()

    def start(self) -> None:
        """Begin; nothing if it has begun, or ended, already."""
        if self._thread is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._run, name="cache-auto-tune", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.run_once()
            self._stop.wait(self._every_s)

    def run_once(self) -> Round | None:
        """A round, now, if it is this replica's turn and nobody stopped it; else None.

        A failure is said in the log and in `problem`.
        """
        with self._lock:
            try:
                done = self._round()
            except StoreError as exc:
                self._failed(f"the store does not answer: {exc}", str(exc))
            except AuditUnreadableError as exc:
                # Without it nobody knows what people chose.
                self._failed(f"the audit cannot be read: {exc}", str(exc))
            except Exception as exc:  # noqa: BLE001  # what failed once may work the next time
                self._failed(f"it failed: {in_short(exc)}", in_short(exc))
            else:
                self.problem = None
                return done
            return None

    def _failed(self, problem: str, reason: str) -> None:
        log.warning("auto_tune_failed", "ttls were not looked at, it is tried again: %s", reason)
        self.problem = problem

    def _round(self) -> Round | None:
        store, names = self._cache.store, sorted(self._cache.namespaces())
        now_s = self._clock()
        turn = int(now_s // self._every_s)
        if not names or read_stop(store) is not None:
            return None
        if not take_turn(store, names, self._replica, turn, 2 * self._every_s):
            return None
        standings = read_standings(self._cache, self._audit)
        obstacles = {name: one.obstacle(now_s) for name, one in standings.items()}
        seen = studies(
            store,
            {name: standings[name].policy for name in names if not obstacles[name]},
            {name: one.ttl_s for name, one in standings.items()},
            self._metrics.read(WINDOWS["24h"]).totals,
            now_s,
            self._budget,
        )
        findings = {
            name: self._finding(one, seen.get(name), obstacles[name], now_s)
            for name, one in standings.items()
        }
        if self._applies:
            for name, found in findings.items():
                findings[name] = replace(found, is_done=self._change(name, found))
        done = Round(now_s, findings)
        write_round(store, names, done)
        return done

    def _finding(
        self,
        standing: Standing,
        seen: Study | None,
        obstacle: str,
        now_s: float,
    ) -> Finding:
        """What should become of a ttl."""
        if obstacle or seen is None:
            return Finding(standing.ttl_s, None, obstacle or "Nothing is logged of its reads.")
        picture = seen.picture
        advice = picture if isinstance(picture, TooLittle) else picture.advice
        low_s, high_s = standing.policy.ttl_range_s
        last = standing.last
        found = next_ttl(
            advice,
            now_s=now_s,
            low_s=low_s,
            high_s=high_s,
            budget=budget_of(standing.policy, self._budget),
            ttl_s=standing.ttl_s,
            last=None if last is None else LastChange(last.at_s, last.before_s, last.after_s),
        )
        if found.ttl_s is None or isinstance(advice, TooLittle):
            return Finding(standing.ttl_s, None, found.reason)
        rounded_s = float(f"{found.ttl_s:.{_DIGITS}g}")
        reason = f"{found.reason} Confidence is {advice.confidence}: {advice.confidence_text}."
        return Finding(standing.ttl_s, min(max(rounded_s, low_s), high_s), reason)

    def _change(self, name: str, found: Finding) -> bool:
        """Change a ttl unless that is stopped, or somebody else changed it meanwhile."""
        if found.next_s is None or self._stop.is_set():
            return False
        stop, (raw,) = read_stop_and(self._cache.store, [ttl_key(name)])
        policy = self._cache.namespaces()[name]
        in_store_s = ttl_in(raw)
        now_s = policy.ttl_s if in_store_s is None else policy.retuned(in_store_s).ttl_s
        if stop is not None or not is_same(now_s, found.ttl_s):
            return False
        retune(self._cache, name, found.next_s, AUTO_TUNE, self._audit, why=found.reason)
        return True

    def close(self) -> None:
        """Stop, after the round at hand, waiting a moment at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
