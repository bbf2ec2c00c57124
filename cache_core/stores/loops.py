"""One of something for each event loop, given up when its loop shuts down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Generic, Protocol, TypeVar


class OfLoop(Protocol):
    """What belongs to one event loop."""

    def close(self) -> None:
        """Give connections up, on the loop's own thread; safe to repeat."""

    def bury(self) -> None:
        """The same when the loop was closed and carries out nothing anymore."""


T = TypeVar("T", bound=OfLoop)


class PerLoop(Generic[T]):
    """Keeps one T, made by `make`, for each event loop on which it was asked for.

    What is kept refers to its loop, so references that are weak would free neither. Instead an
    asynchronous generator waits on each loop: the loop ends it when it shuts down, as asyncio.run
    does. A loop that is closed without that is noticed when the next one begins.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._kept: dict[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[None, None]]] = {}

    def get(self) -> T:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        found = self._kept.get(loop)
        return self._begin(loop) if found is None else found[0]

    def close_running(self) -> None:
        """Give up the running loop's own; the next `get` makes another."""
        found = self._kept.pop(asyncio.get_running_loop(), None)
        if found is not None:
            _end(*found)

    def close_all(self) -> None:
        """Give up all, from any thread, without waiting for other loops to do so."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        while self._kept:
            loop, found = self._kept.popitem()
            if loop is running:
                _end(*found)
                continue
            try:
                loop.call_soon_threadsafe(_end, *found)
            except RuntimeError:  # closed
                _bury(*found)

    def after_fork(self) -> None:
        """In the child: the loops are the parent's, and so are their connections.

        They are kept for good, so that nothing here closes what the parent uses.
        """
        self._inherited = self._kept
        self._kept = {}

    def _begin(self, loop: asyncio.AbstractEventLoop) -> T:
        self._bury_dead()
        thing = self._make()
        watch = self._watch(loop, thing)
        with contextlib.suppress(StopIteration):
            watch.__anext__().send(None)  # up to its yield: from now on the loop knows it
        self._kept[loop] = thing, watch
        return thing

    async def _watch(self, loop: asyncio.AbstractEventLoop, thing: T) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            # Nothing is awaited here, so that it can also be ended without the loop.
            if self._kept.get(loop, (None,))[0] is thing:
                del self._kept[loop]
            thing.close()

    def _bury_dead(self) -> None:
        for loop in [loop for loop in list(self._kept) if loop.is_closed()]:
            found = self._kept.pop(loop, None)
            if found is not None:
                _bury(*found)


def _end(thing: OfLoop, watch: AsyncGenerator[None, None]) -> None:
    thing.close()
    # To its end, so that nothing of it is left for the loop to finish.
    with contextlib.suppress(StopIteration):
        watch.aclose().send(None)


def _bury(thing: OfLoop, watch: AsyncGenerator[None, None]) -> None:
    thing.bury()
    _end(thing, watch)


def bury_transport(transport: asyncio.WriteTransport) -> None:
    """Close the socket of a transport whose loop was closed; transports have no means for that."""
    with contextlib.suppress(RuntimeError):
        transport.abort()
    shown = transport.get_extra_info("socket")
    inner = getattr(shown, "_sock", None)
    if inner is not None:
        inner.close()


async def hear_hangups() -> None:
    """Let the loop tell idle connections whether their server hung up: two of its steps."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
