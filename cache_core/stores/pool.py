"""Connections shared by threads: at most so many, the one used last goes out first."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class PoolExhaustedError(Exception):
    """No connection came free in time."""


class PoolClosedError(Exception):
    """The pool was closed."""


class Connection(Protocol):
    """What a pool holds: it connects when it is used, and again after `disconnect`."""

    def disconnect(self) -> None:
        """Safe to repeat, and after a fork in the child, where it leaves the parent's line."""


C = TypeVar("C", bound=Connection)


class _Waiter(Generic[C]):
    """A thread that waits for a connection."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.given: C | None = None


class Pool(Generic[C]):
    """Makes connections as needed, up to `max_connections`; safe between threads.

    Args:
        make: a connection that is not yet connected.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        make: Callable[[], C],
        max_connections: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._max_connections = max_connections
        self._clock = clock
        self._idle: list[C] = []
        self._begin()

    def _begin(self) -> None:
        # Re-entrant because a garbage collection inside may run a finaliser that reads the cache.
        self._lock = threading.RLock()
        self._waiters: deque[_Waiter[C]] = deque()
        self._made = 0
        self._closed = False

    def take(self, ends: float) -> C:
        """A connection for one call; `give` it back whatever happens.

        Raises: PoolExhaustedError if none came free until `ends`; PoolClosedError.
        """
        try:
            return self._idle.pop()  # atomic, and enough for nearly every call
        except IndexError:
            return self._take_slowly(ends)

    def give(self, connection: C) -> None:
        """Take a connection back, connected or not."""
        self._idle.append(connection)
        # Whoever begins to wait looks at the idle ones afterwards, so that none is overlooked.
        if self._waiters:
            self._serve()
        if self._closed:
            self._drop_idle()

    def close(self) -> None:
        """Disconnect what is idle now, and the rest as it comes back; safe to repeat."""
        with self._lock:
            self._closed = True
            while self._waiters:
                self._waiters.popleft().woken.set()
        self._drop_idle()

    def after_fork(self) -> None:
        """In the child: the parent's connections, and the locks its threads held, are not ours."""
        inherited, self._idle = self._idle, []
        closed = self._closed
        self._begin()
        self._closed = closed
        for connection in inherited:
            connection.disconnect()

    def _take_slowly(self, ends: float) -> C:
        waiter: _Waiter[C] = _Waiter()
        with self._lock:
            if self._closed:
                raise PoolClosedError
            if self._made < self._max_connections:
                self._made += 1
                return self._make()
            self._waiters.append(waiter)
            self._serve()
        waiter.woken.wait(max(0.0, ends - self._clock()))
        with self._lock:
            if waiter.given is not None:
                return waiter.given
            if self._closed:
                raise PoolClosedError
            self._waiters.remove(waiter)
        raise PoolExhaustedError

    def _serve(self) -> None:
        """Hand idle connections to those who wait, the longest first."""
        with self._lock:
            while self._waiters:
                try:
                    connection = self._idle.pop()
                except IndexError:
                    return
                waiter = self._waiters.popleft()
                waiter.given = connection
                waiter.woken.set()

    def _drop_idle(self) -> None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            connection.disconnect()
