"""A Redis Cluster says which keys were changed: each primary tells of those it has.

A line of its own to each primary (`tracking`), and a thread that looks now and then who the
primaries are. What a lost line means for a single server, a lost line to one node means for the
keys that it has: the listener is told of that part, and of the others nothing. So are keys that
another node has by now: where that one is heard they are as after an interruption, where it is not
yet they are unheard.

A key that moves is told by the node it leaves. So nothing is missed between the move and the look:
what is read from a node that is not yet heard is unheard until then, and is told of afterwards.
"""

from __future__ import annotations

import contextlib
import random
import threading
import weakref
from collections.abc import Callable, Collection, Sequence

from redis.crc import key_slot

from cache_core.stores.base import ChangeListener, Part, StoreError
from cache_core.stores.cluster_slots import SlotMap
from cache_core.stores.cluster_url import Node
from cache_core.stores.forks import mend_after_fork
from cache_core.stores.tracking import THREAD_NAME, RedisTracking

_LOOK_EVERY_S = 3.0
# Nodes that disagree about who has what would make each look set off the next one.
_LOOK_GAP_S = 0.1


class ClusterTracking:
    """Listens to every primary from the first `follow` on, until `close` or until the listener is
    gone. Lines are retried as `RedisTracking` does.

    Args:
        at: a tracking of one node, for a listener.
        listener: held weakly.
        slots: who has which keys; whoever changes it calls `look`.
        refresh: asks the cluster for the slots; raises StoreError.
        prefix: of every key, without the colon.
    """

    def __init__(
        self,
        at: Callable[[Node, ChangeListener], RedisTracking],
        listener: ChangeListener,
        slots: SlotMap,
        refresh: Callable[[], object],
        *,
        prefix: str,
    ) -> None:
        self._at = at
        self._listener = weakref.ref(listener)
        self._slots = slots
        self._refresh = refresh
        self._head = f"{prefix}:"
        self._starts: tuple[str, ...] = ()
        self._lines: dict[Node, _Line] = {}
        self._owners: Sequence[Node | None] = ()
        self._thread: threading.Thread | None = None
        self._begin()
        mend_after_fork(self)

    def _begin(self) -> None:
        # Held while lines are added, removed or told what to follow. Re-entrant because a garbage
        # collection inside may close a cache.
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._due = threading.Event()

    def follow(self, starts: Sequence[str]) -> None:
        """Tell of keys that begin with one of these too."""
        with self._lock:
            if self._closed.is_set():
                return
            self._starts = tuple(dict.fromkeys((*self._starts, *starts)))
            for line in self._lines.values():
                line.tracking.follow(self._starts)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                # No more threads: until the next namespace tries again, nothing is told.
                with contextlib.suppress(RuntimeError):
                    thread.start()
                    self._thread = thread

    def look(self) -> None:
        """Look soon at who has which keys; waits for nothing."""
        self._due.set()

    def close(self) -> None:
        """End all lines at once, and with them the threads; waits for neither. Safe to repeat."""
        self._closed.set()
        self._due.set()
        with self._lock:
            for line in self._lines.values():
                line.tracking.close()

    def after_fork(self) -> None:
        """In the child: the lines, which mend themselves, are the parent's."""
        self._begin()
        self._closed.set()

    # On the thread that looks

    def _run(self) -> None:
        while not self._is_over():
            with contextlib.suppress(StoreError):
                self._refresh()
            self._due.clear()
            self._arrange()
            # By chance, or all processes would come at the same time.
            self._due.wait(_LOOK_EVERY_S * random.uniform(0.5, 1.0))
            self._closed.wait(_LOOK_GAP_S)
        self.close()

    def _is_over(self) -> bool:
        return self._closed.is_set() or self._listener() is None

    def _arrange(self) -> None:
        """Have a line to each primary and to nobody else, and tell what went to another one."""
        owners = self._slots.owners()
        nodes = {owner for owner in owners if owner is not None}
        with self._lock:
            if self._closed.is_set() or not nodes:
                return
            # Noted before anybody's `is_heard` is looked at: a line that is heard or lost from
            # here on tells of what its node has by now.
            before, self._owners = self._owners, owners
            for gone in self._lines.keys() - nodes:
                self._lines.pop(gone).tracking.close()
            for node in sorted(nodes - self._lines.keys()):
                self._lines[node] = _Line(self, node)
            for line in self._lines.values():
                line.tracking.follow(self._starts)  # begins those that are new
            moved = _moved(before, owners)
            heard = {slot for slot in moved if self._is_heard(owners[slot])}
        listener = self._listener()
        if listener is None or not moved:
            return
        listener.unheard(self._in_slots(moved - heard))
        listener.changed(None, self._in_slots(heard))

    def _is_heard(self, owner: Node | None) -> bool:
        return owner is not None and self._lines[owner].is_heard

    def _in_slots(self, slots: Collection[int]) -> Part:
        return lambda key: self._slot(key) in slots

    def _slot(self, key: str) -> int:
        return key_slot(f"{self._head}{key}".encode())

    # On the threads that listen

    def listener_of(self, line: _Line) -> ChangeListener | None:
        """Who is to be told by a line; nobody if it was given up."""
        return self._listener() if self._lines.get(line.node) is line else None

    def on_node(self, node: Node) -> Part:
        """Whether a node has a key, as far as is known just now."""
        owners = self._owners
        return lambda key: owners[self._slot(key)] == node


class _Line:
    """What one node tells. Implements ChangeListener, and narrows what it hears to that node.

    is_heard: whether nothing is missed of what the node has.
    """

    def __init__(self, cluster: ClusterTracking, node: Node) -> None:
        self.node = node
        self.is_heard = False
        self._cluster = cluster
        self.tracking = cluster._at(node, self)

    def changed(self, keys: Sequence[str] | None, within: Part | None = None) -> None:
        if keys is None:
            self.is_heard = True
            within = self._cluster.on_node(self.node)
        listener = self._cluster.listener_of(self)
        if listener is not None:
            listener.changed(keys, within)

    def unheard(self, within: Part | None = None) -> None:
        self.is_heard = False
        listener = self._cluster.listener_of(self)
        if listener is not None:
            listener.unheard(self._cluster.on_node(self.node))
        self._cluster.look()  # another node may have its keys by now


def _moved(before: Sequence[Node | None], now: Sequence[Node | None]) -> set[int]:
    """Slots whose owner changed; none where nothing was known before."""
    if not before or before == now:
        return set()
    return {slot for slot, (old, new) in enumerate(zip(before, now, strict=True)) if old != new}
