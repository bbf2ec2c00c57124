"""A clock that ticks by hand, a recorder that remembers, and sources that tests can hold."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from cache_core import Cache
from cache_core.events import Incident, ReadEvent, change
from cache_core.timing import Timing

# Long enough for a busy machine; what waits for it fails the test instead of hanging.
PATIENCE_S = 30.0


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Events:
    """A Recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.reads: list[ReadEvent] = []
        self.incidents: Counter[str] = Counter()
        self.ages_s: list[float | None] = []
        self._lock = threading.Lock()

    def read(self, event: ReadEvent) -> None:
        with self._lock:
            self.reads.append(event)
            if event.is_near:
                self.incidents["near_hit"] += 1

    def count(self, namespace: str, incident: Incident, number: int = 1) -> None:
        with self._lock:
            self.incidents[incident] += number

    def recomputed(self, namespace: str, key: str, is_changed: bool, age_s: float | None) -> None:
        self.count(namespace, change(is_changed))
        with self._lock:
            self.ages_s.append(age_s)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def outcomes(self) -> list[str]:
        """Outcome of each read, a miss with its cause: `miss.cold`."""
        return [f"{e.outcome}.{e.cause}" if e.cause else e.outcome for e in self.reads]


def until(happened: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Wait for it; False if it did not come about."""
    ends = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True


def absolute(number: int) -> int:
    """A source without surprises."""
    return abs(number)


class Flaky:
    """A source that fails when told to."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self, number: int) -> int:
        if self.fails:
            raise LookupError("down")
        return number


class HeldSource:
    """A source that says when it runs and ends when it is let, with `value` as it was at first."""

    def __init__(self, value: object = "old") -> None:
        self.value = value
        self.calls = 0
        self.began = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> Any:
        self.calls += 1
        value = self.value
        self.began.set()
        assert self.go_on.wait(PATIENCE_S), "nobody let the source go on"
        return value

    def wait_until_running(self) -> None:
        assert self.began.wait(PATIENCE_S), "the source was not asked"


def still(clock: Clock | None = None, **more: Any) -> Timing:
    """Timing without chance; with a clock, all time comes from it."""
    if clock is not None:
        more = {"clock": clock, "monotonic": clock, **more}
    return Timing(draw=lambda: 0.0, **more)


def finish_background(cache: Cache) -> None:
    """Return when refreshes and errands under way are done; none is begun from here on."""
    cache._path.close()


def wait_for_errands(cache: Cache) -> None:
    """Return when the errands asked for so far are done."""
    done = threading.Event()
    assert cache._path.compute.errands._background.submit(done.set)
    assert done.wait(PATIENCE_S)


@contextmanager
def threads(number: int) -> Iterator[Callable[..., Future[Any]]]:
    """Submit work to so many threads; the block ends when all work has."""
    with ThreadPoolExecutor(number) as pool:
        yield pool.submit
