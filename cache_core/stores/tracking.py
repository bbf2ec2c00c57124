"""Redis says which keys were changed, as it happens (client tracking, Redis 6 and later).

One connection more, read by a thread of its own, is told the key of every change under a few
beginnings (broadcast mode). That costs neither those who write nor those who read a command, and
the server no memory for each key.

Two things are told apart: that a change was heard, and that changes may have been missed. The
order in which a listener is told them is the order in which the server made them.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import weakref
from collections.abc import Callable, Sequence

import redis

from cache_core.logs import log
from cache_core.stores.base import ChangeListener, StoreError, StoreUnavailableError
from cache_core.stores.commands import Command
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.redis_connection import AnyConnection, pack
from cache_core.stores.redis_errors import FAILURES, translated
from cache_core.stores.replies import raise_errors

THREAD_NAME = "cache-changes"

_GAP_S = 1.0
_GAP_MAX_S = 30.0
_QUIET_S = 3.0
_MESSAGE = b"invalidate"
# A client with a subscription is cut off by the server when it does not read (its output buffer
# has a limit then), instead of filling the server's memory while its process stands still. Nobody
# publishes here, and it does not matter if the subscription is refused.
_SUBSCRIBE: Command = ("SUBSCRIBE", "__redis__:invalidate")


class RedisTracking:
    """Listens from the first `follow` on, until `close` or until the listener is gone.

    A line that is lost, or that the server refuses (an old one, or rights that are missing), is
    tried again after growing gaps, 1 to 30 s. It takes a server that says nothing for twice
    `quiet_s`, not even to a PING, for lost.

    Args:
        connect: a connection that is not yet connected.
        listener: held weakly.
        prefix: of every key, without the colon; keys are told without it.
        address: of the server, for the log.
        timeout_s: for making a line, seconds.
    """

    def __init__(
        self,
        connect: Callable[[], AnyConnection],
        listener: ChangeListener,
        *,
        prefix: str,
        address: str,
        timeout_s: float,
        quiet_s: float = _QUIET_S,
    ) -> None:
        self._connect = connect
        self._listener = weakref.ref(listener)
        self._head = f"{prefix}:"
        self._address = address
        self._timeout_s = timeout_s
        self._quiet_s = quiet_s
        self._starts: tuple[str, ...] = ()
        self._line: AnyConnection | None = None
        self._thread: threading.Thread | None = None
        self._heard: tuple[str, ...] = ()
        self._is_failing = False
        self._begin()
        mend_after_fork(self)

    def _begin(self) -> None:
        # Held only while the line is exchanged or ended, so that none is ended that was closed.
        # Re-entrant because a garbage collection inside may close a cache.
        self._lock = threading.RLock()
        self._closed = threading.Event()

    def follow(self, starts: Sequence[str]) -> None:
        """Tell of keys that begin with one of these too; the line is made anew for that."""
        with self._lock:
            wanted = tuple(dict.fromkeys((*self._starts, *starts)))
            is_new = wanted != self._starts
            if self._closed.is_set():
                return
            if is_new:
                self._starts = wanted
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                # No more threads: until the next namespace tries again, nothing is told.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
            elif is_new:
                self._interrupt()

    def close(self) -> None:
        """End the line at once, and with it the thread; waits for neither. Safe to repeat."""
        self._closed.set()
        self._interrupt()

    def after_fork(self) -> None:
        """In the child: the line is the parent's. Who wants to be told there tracks anew."""
        line, self._line = self._line, None
        self._begin()
        self._closed.set()
        if line is not None:
            line.disconnect()  # type: ignore[no-untyped-call]

    def _interrupt(self) -> None:
        with self._lock:
            if self._line is not None:
                self._line.interrupt()

    # On the listening thread

    def _run(self) -> None:
        gap_s = _GAP_S
        while not self._is_over():
            starts = self._starts
            try:
                self._listen(starts)
            except (*FAILURES, OSError) as exc:
                if self._starts is starts and not self._is_over():
                    self._say_unheard(exc)
            finally:
                was_heard = self._end_line()
            if self._starts is not starts:
                continue
            gap_s = _GAP_S if was_heard else min(gap_s * 2, _GAP_MAX_S)
            # By chance, or all processes would come back to a server at the same time.
            self._closed.wait(gap_s * random.uniform(0.5, 1.0))

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._listener() is None

    def _listen(self, starts: tuple[str, ...]) -> None:
        """Make a line and tell what comes over it; raises FAILURES or OSError at its end."""
        line = self._connect()
        line.ends = time.monotonic() + self._timeout_s
        with self._lock:
            self._line = line
        line.open()
        following = [word for start in starts for word in ("PREFIX", self._head + start)]
        commands: list[Command] = [
            ("HELLO", 3),
            ("CLIENT", "TRACKING", "ON", "BCAST", *following),
        ]
        # The answer to a subscription comes as a message, so it is none of the replies.
        packed = b"".join(map(pack, [*commands, _SUBSCRIBE]))
        raise_errors(line.exchange(packed, len(commands)), other_types_pass=False)
        self._say_heard(starts)
        is_asked = False
        # Looked at after the line was noted: who changes either after this look ends the line.
        while not self._is_over() and self._starts is starts:
            line.ends = time.monotonic() + self._quiet_s
            try:
                message = line.next_message()
            except redis.TimeoutError:
                if is_asked:
                    raise
                line.ends = time.monotonic() + self._quiet_s
                line.send(pack(("PING",)))
                is_asked = True
                continue
            is_asked = False
            if isinstance(message, list) and message[:1] == [_MESSAGE]:
                self._tell(message[1])

    def _tell(self, names: list[bytes] | None) -> None:
        listener = self._listener()
        if listener is None:
            return
        if names is None:  # the server was emptied
            listener.changed(None)
            return
        head = len(self._head)
        listener.changed([name.decode("utf-8", "surrogateescape")[head:] for name in names])

    def _say_heard(self, starts: tuple[str, ...]) -> None:
        self._tell(None)
        self._heard = starts
        if self._is_failing:
            self._is_failing = False
            log.info(
                "changes_heard",
                "changes on %s are heard again: copies near by end with them",
                self._address,
                store=self._address,
            )

    def _say_unheard(self, exc: BaseException) -> None:
        if self._is_failing:
            return
        self._is_failing = True
        log.info(
            "changes_unheard",
            "copies near by end after their near_ttl_s and not before, for now: %s",
            self._in_words(exc),
            store=self._address,
        )

    def _in_words(self, exc: BaseException) -> StoreError:
        where = f"listening for changes on {self._address}"
        if isinstance(exc, FAILURES):
            return translated(exc, where, self._timeout_s)
        return StoreUnavailableError(f"{where}: {type(exc).__name__}")

    def _end_line(self) -> bool:
        """Give the line up; whether changes were heard over it."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            with contextlib.suppress(OSError):
                line.disconnect()  # type: ignore[no-untyped-call]
        was_heard, self._heard = bool(self._heard), ()
        listener = self._listener()
        if was_heard and listener is not None:
            listener.unheard()
        return was_heard
