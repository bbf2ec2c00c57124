"""Work that one replica at a time does: a mark in the store says who is at it.

The mark lives for HOLD_S and is renewed by the one who works, so that it goes by itself when that
process dies. Whatever becomes of it, nothing is done wrongly: it spares work and tells people.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from cache_core.database import replica_name
from cache_core.stores.base import CacheCoreError, LeaseWrite, Put, Store, StoreError

HOLD_S = 30.0


class TakenError(CacheCoreError):
    """Somebody else is at it; the message says who, since when and on which replica."""


@dataclass(slots=True)
class Claim:
    """A mark of one's own. `renew` is to be called now and then; it acts when that is due."""

    store: Store
    key: str
    token: bytes
    monotonic: Callable[[], float] = time.monotonic
    due: float = 0.0

    def __post_init__(self) -> None:
        self.due = self.monotonic() + self.every_s

    @property
    def every_s(self) -> float:
        """How often `renew` should be called, at least."""
        return HOLD_S / 3

    def renew(self) -> None:
        """Keep the mark. Failing is of no consequence."""
        if self.monotonic() >= self.due:
            self.due = self.monotonic() + self.every_s
            self._settle(HOLD_S)

    def drop(self) -> None:
        """Take the mark away, if it is still one's own."""
        self._settle(0.0)

    def _settle(self, hold_s: float) -> None:
        with suppress(StoreError):
            self.store.settle([LeaseWrite(self.key, self.token, hold_s)])


@contextmanager
def claimed(store: Store, verb: str, what: str, who: str) -> Iterator[Claim]:
    """Mark that `who` is at it, e.g. ("warming", "dashboard.stats"), while the block runs.

    A store that does not answer marks nothing and stops nothing.

    Raises: TakenError if somebody else's mark is there.
    """
    key = f"j:{verb}:{what}"
    told = {"by": who, "on": replica_name(), "at_s": time.time(), "of": secrets.token_hex(8)}
    claim = Claim(store, key, orjson.dumps(told))
    holder: bytes | None = None
    with suppress(StoreError):
        (holder,) = store.add_then_get([Put(key, claim.token, HOLD_S)], [key])
    if holder is not None and holder != claim.token:
        raise TakenError(f"{_who(holder)} is {verb} {what} already")
    try:
        yield claim
    finally:
        claim.drop()


def _who(holder: bytes) -> str:
    try:
        told = orjson.loads(holder)
        since = datetime.fromtimestamp(float(told["at_s"]), UTC)
        return f"{told['by']} (since {since:%Y-%m-%d %H:%M:%S} UTC, on {told['on']})"
    except (ValueError, KeyError, TypeError):
        return "another replica"
