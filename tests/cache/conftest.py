"""Caches over the test's store, closed at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from cache_core import Cache
from cache_core.guard import GuardedStore
from cache_core.stores import Store
from tests.cache.helpers import PATIENCE_S, Clock, Events, still
from tests.conftest import OpenSameStore

OpenCache = Callable[..., Cache]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> Events:
    return Events()


def patient(store: Store) -> GuardedStore:
    """A store that is slow because the machine is busy does not count as failing."""
    return GuardedStore(store, slow_s=PATIENCE_S)


@pytest.fixture
def cache(store: Store, events: Events) -> Iterator[Cache]:
    """A cache over each kind of store, in real time, without chance."""
    with Cache(patient(store), recorder=events, timing=still()) as opened:
        yield opened


@pytest.fixture
def ticking_cache(store: Store, events: Events, clock: Clock) -> Iterator[Cache]:
    """A cache over each kind of store whose entries age with `clock`."""
    with Cache(patient(store), recorder=events, timing=still(clock)) as opened:
        yield opened


@pytest.fixture
def open_cache(open_same_store: OpenSameStore) -> Iterator[OpenCache]:
    """Opens further caches on the same store, as other replicas would."""
    with ExitStack() as opened:

        def open_one(**arguments: object) -> Cache:
            arguments.setdefault("recorder", Events())
            arguments.setdefault("timing", still())
            return opened.enter_context(Cache(open_same_store(), **arguments))  # type: ignore[arg-type]

        yield open_one
