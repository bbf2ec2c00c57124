"""What one replica counted in each minute and hour, and what of it is still to be handed over."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable

from cache_core.stores.base import Store
from cache_core.telemetry import groups
from cache_core.telemetry.counts import Counts, snapshot
from cache_core.telemetry.folding import MINUTE_S, Minutes, counts_in

HOUR_S = 3600

_CLOCK_SLACK_S = 120  # a period is kept so long after its end, lest a clock set back open it anew
_KEPT_MAX = 240  # periods, while the store is out of reach: about four hours


def minute_key(minute: int) -> str:
    """Hash of one minute; `minute`: Unix time divided by 60."""
    return f"t:m:{minute}"


def hour_key(hour: int) -> str:
    """Hash of one hour; `hour`: Unix time divided by 3600."""
    return f"t:h:{hour}"


def is_minute(name: str) -> bool:
    """Whether a period's name is a minute's; otherwise it is an hour's."""
    return name.startswith("t:m:")


def ended_s(name: str) -> int:
    """Unix time at which a period is over."""
    number = int(name.rpartition(":")[2])
    return (number + 1) * (MINUTE_S if is_minute(name) else HOUR_S)


def clock_of(store: Store) -> Callable[[], float]:
    """Unix time by the store's clock where it has one, so that replicas agree on the minute."""
    clock: Callable[[], float] = getattr(store, "clock", time.time)
    return clock


class Periods:
    """Cumulative counts of minutes and hours, at most _KEPT_MAX. Not safe between threads."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, Counts]] = {}
        self._unsent: dict[str, None] = {}  # in the order in which they changed
        self.expiring: set[str] = set()  # those whose expiry the store has been told
        self.lost = 0

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def waiting(self) -> int:
        """How many changed since they were taken."""
        return len(self._unsent)

    def add(self, minutes: Minutes) -> None:
        """Add counts to their minutes and hours."""
        for minute, namespaces in minutes.items():
            for name in (minute_key(minute), hour_key(minute * MINUTE_S // HOUR_S)):
                self._unsent[name] = None
                period = self._counts.setdefault(name, {})
                for namespace, counts in namespaces.items():
                    kept = counts_in(period, namespace)
                    kept.merge(counts)
                    if not is_minute(name):
                        groups.merge(kept.groups, counts.groups)
        while len(self._counts) > _KEPT_MAX:
            oldest = next(iter(self._counts))
            del self._counts[oldest]
            self.expiring.discard(oldest)
            if oldest in self._unsent:
                del self._unsent[oldest]
                self.lost += 1

    def take(self, most: int, now_s: float) -> dict[str, dict[str, object]]:
        """Snapshots of at most so many periods that have changed, by name; the newest first."""
        names = list(itertools.islice(reversed(self._unsent), most))
        for name in names:
            del self._unsent[name]
        return {name: snapshot(now_s, self._counts[name]) for name in names}

    def put_back(self, names: Iterable[str]) -> None:
        """What was taken could not be handed over."""
        self._unsent = dict.fromkeys(n for n in names if n in self._counts) | self._unsent

    def confirm(self, names: Iterable[str], now_s: float) -> None:
        """What was taken has been handed over; forget what is closed and needs no more."""
        self.expiring.update(names)
        for name in [n for n in self._counts if ended_s(n) + _CLOCK_SLACK_S <= now_s]:
            if name not in self._unsent:
                del self._counts[name]
                self.expiring.discard(name)
